import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ChatMessage, LLMOptions, Prompt, SamplingParams } from '../../src/index.ts'
import { type LibraryPage, openLibraryPage, thrownIn } from './page.ts'
import { randomModel } from './places.ts'
import { scratchFolder } from './run-cli.ts'

let opened: LibraryPage
beforeAll(async () => {
  opened = await openLibraryPage()
  await opened.page.evaluate(async () => {
    globalThis.llm = await LLM.create({ ...options, limit_mm_per_prompt: { image: 2 } })
  })
})
afterAll(() => opened.close())

/** The request after a bad one gives what it gave before. */
const stillWorks = (): Promise<boolean> =>
  opened.page.evaluate(async () => {
    const [output] = await llm.chat([{ role: 'user', content: 'Hello' }], { temperature: 0, max_tokens: 3, ignore_eos: true })
    return output?.outputs[0]?.token_ids.length === 3
  })

const PLACEHOLDER = '<|vision_start|><|image_pad|><|vision_end|>'

/** A PNG whose header says a size; what follows is of no picture. */
function pngOfSize(width: number, height: number): string {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const chunk = (type: string, data: Buffer): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)])
  }
  const file = [Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.alloc(64)))]
  return `data:image/png;base64,${Buffer.concat(file).toString('base64')}`
}

const small = `data:image/png;base64,${readFileSync(join(randomModel, '../../inputs/images/stamp.png')).toString('base64')}`

const prompts: [what: string, prompt: unknown, sampling: SamplingParams, error: RegExp][] = [
  ['a prompt of no known kind', { text: 'x' }, {}, /^InvalidRequestError: .*prompt_token_ids/],
  ['a prompt that is too long', 'word '.repeat(2000), {}, /^ContextLengthError: .*\d+ tokens.*max_model_len/],
  [
    'too many pictures',
    { prompt: PLACEHOLDER.repeat(3), multi_modal_data: { image: [small, small, small] } },
    {},
    /^InvalidRequestError: .*3.*limit.*2|^InvalidRequestError: .*2.*3/,
  ],
  [
    'fewer pictures than placeholders',
    { prompt: PLACEHOLDER.repeat(2), multi_modal_data: { image: small } },
    {},
    /^InvalidRequestError: .*2 image placeholder.*1 image/,
  ],
  [
    'a picture without a placeholder',
    { prompt: 'x', multi_modal_data: { image: small } },
    {},
    /^InvalidRequestError: .*0 image placeholder/,
  ],
  [
    'bytes that are no picture',
    { prompt: PLACEHOLDER, multi_modal_data: { image: 'data:image/png;base64,aGVsbG8gd29ybGQh' } },
    {},
    /^MediaError: /,
  ],
  [
    'a header of 20000×20000 pixels',
    { prompt: PLACEHOLDER, multi_modal_data: { image: pngOfSize(20000, 20000) } },
    {},
    /^MediaError: .*20000.*20000/,
  ],
  [
    'an aspect ratio over 200',
    { prompt: PLACEHOLDER, multi_modal_data: { image: pngOfSize(4000, 10) } },
    {},
    /^(MediaError|InvalidRequestError): /,
  ],
  [
    'a picture that is not there',
    { prompt: PLACEHOLDER, multi_modal_data: { image: '/no/such.png' } },
    {},
    /^MediaError: .*(403|404|such)/,
  ],
  ['a modality of no known name', { prompt: 'x', multi_modal_data: { smell: 'rose' } }, {}, /^InvalidRequestError: .*smell/],
  ['a temperature below 0', 'x', { temperature: -1 }, /^InvalidRequestError: temperature .*-1/],
  ['top_p over 1', 'x', { top_p: 3 }, /^InvalidRequestError: top_p .*3/],
  ['too many continuations', 'x', { n: 99 }, /^InvalidRequestError: n .*16.*99/],
  ['a token id out of the vocabulary', { prompt_token_ids: [5, 99999999] }, {}, /^InvalidRequestError: .*99999999/],
]

const conversations: [what: string, messages: unknown, error: RegExp][] = [
  ['no messages', [], /^InvalidRequestError: messages is empty/],
  ['a role of no known name', [{ role: 'robot', content: 'x' }], /^InvalidRequestError: messages\[0\]\.role is "robot"/],
  ['no content', [{ role: 'user' }], /^InvalidRequestError: messages\[0\]\.content/],
  [
    'a bare string for image_url',
    [{ role: 'user', content: [{ type: 'image_url', image_url: 'x.png' }] }],
    /^InvalidRequestError: messages\[0\]\.content\[0\]\.image_url/,
  ],
  [
    'a part of no known type',
    [{ role: 'user', content: [{ type: 'smell' }] }],
    /^InvalidRequestError: messages\[0\]\.content\[0\]\.type is "smell"/,
  ],
  [
    'a video that is not there',
    [{ role: 'user', content: [{ type: 'video_url', video_url: { url: 'x' } }] }],
    /^MediaError: .*404 Not Found/,
  ],
]

describe('a bad request gets an error that says what to do, and the next request works', () => {
  for (const [what, prompt, sampling, error] of prompts) {
    it(what, async () => {
      const argument = { prompt: prompt as Prompt, sampling: { max_tokens: 2, ...sampling } }
      expect(await thrownIn(opened.page, ({ prompt, sampling }) => llm.generate(prompt, sampling), argument)).toMatch(error)
      expect(await stillWorks()).toBe(true)
    })
  }

  for (const [what, messages, error] of conversations) {
    it(what, async () => {
      expect(await thrownIn(opened.page, (messages) => llm.chat(messages, { max_tokens: 2 }), messages as ChatMessage[])).toMatch(error)
      expect(await stillWorks()).toBe(true)
    })
  }

  it('something that cannot be sent to a worker', async () => {
    const work = () => llm.chat([{ role: 'user', content: 'x' }], {}, { chat_template_kwargs: { f: () => 1 } })
    expect(await thrownIn(opened.page, work, undefined)).toMatch(/^InvalidRequestError: .*cannot be sent/)
    expect(await stillWorks()).toBe(true)
  })

  it('a chat template that does not end', async () => {
    const work = () =>
      llm.chat(
        [{ role: 'user', content: 'x' }],
        {},
        { chat_template: '{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}' },
      )
    expect(await thrownIn(opened.page, work, undefined)).toMatch(/^InvalidRequestError: .*template/)
    expect(await stillWorks()).toBe(true)
  })

  it('lists of different lengths', async () => {
    const work = () => llm.generate(['a', 'b'], [{}])
    expect(await thrownIn(opened.page, work, undefined)).toMatch(/^InvalidRequestError: 2 prompts came with 1 sampling_params/)
  })
})

/** A copy of the model with something changed, served, and what loading it says. */
async function loadChanged(change: (folder: string) => void, more: Partial<LLMOptions> = {}): Promise<string> {
  const folder = scratchFolder()
  cpSync(randomModel, folder, { recursive: true })
  change(folder)
  const model = opened.server.mount(folder)
  return thrownIn(
    opened.page,
    async (changed) => {
      const other = await LLM.create({ ...options, ...changed } as LLMOptions)
      try {
        await other.chat([{ role: 'user', content: 'x' }], { max_tokens: 1 })
      } finally {
        await other.dispose()
      }
    },
    { ...more, model },
  )
}

const SHARD = 'model-00001-of-00002.safetensors'

/** Changes the header of the first shard. */
function changeHeader(folder: string, change: (header: Record<string, { data_offsets: number[] }>) => void): void {
  const path = join(folder, SHARD)
  const bytes = readFileSync(path)
  const length = Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  change(header)
  const text = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(path, Buffer.concat([size, text, bytes.subarray(8 + length)]))
}

const models: [what: string, change: (folder: string) => void, error: RegExp, more?: Partial<LLMOptions>][] = [
  ['no config.json', (folder) => rmSync(join(folder, 'config.json')), /^ModelLoadError: .*config\.json/],
  ['a missing shard', (folder) => rmSync(join(folder, SHARD)), /^ModelLoadError: .*model-00001-of-00002/],
  [
    'a shard cut short',
    (folder) => writeFileSync(join(folder, SHARD), readFileSync(join(folder, SHARD)).subarray(0, -100)),
    /^ModelLoadError: .*model-00001-of-00002/,
  ],
  [
    'a shard that is something else',
    (folder) => writeFileSync(join(folder, SHARD), '<!doctype html><p>Sign in</p>'),
    /^ModelLoadError: .*model-00001-of-00002/,
  ],
  ['a gap between tensors', (folder) => changeHeader(folder, (header) => moveSecond(header)), /^ModelLoadError: .*model-00001-of-00002/],
  [
    'a model of a kind not known',
    (folder) => writeFileSync(join(folder, 'config.json'), '{"model_type": "abacus"}'),
    /^ModelLoadError: .*abacus.*qwen2_vl/,
  ],
  ['no tokenizer', (folder) => rmSync(join(folder, 'tokenizer.json')), /^ModelLoadError: .*tokenizer\.json/],
  ['no chat template', removeTemplate, /^InvalidRequestError: .*chat.?template/],
  ['max_model_len beyond the model', () => {}, /^ModelLoadError: .*max_model_len/, { max_model_len: 1_000_000 }],
  ['an option out of range', () => {}, /^InvalidRequestError: .*quantization.*q8/, { quantization: 'q5' as 'q8' }],
]

function moveSecond(header: Record<string, { data_offsets: number[] }>): void {
  const sorted = Object.values(header)
    .filter((entry) => entry.data_offsets)
    .sort((a, b) => (a.data_offsets[0] ?? 0) - (b.data_offsets[0] ?? 0))
  const offsets = sorted[1]?.data_offsets ?? []
  offsets[0] = (offsets[0] ?? 0) + 4
}

function removeTemplate(folder: string): void {
  rmSync(join(folder, 'chat_template.json'))
  const path = join(folder, 'tokenizer_config.json')
  const { chat_template: _, ...config } = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify(config))
}

describe('a bad model gets an error that names the file or option', () => {
  for (const [what, change, error, more] of models) {
    it(what, async () => expect(await loadChanged(change, more)).toMatch(error))
  }

  it('a folder that is not there', async () => {
    const work = (model: string) => LLM.create({ ...options, model })
    expect(await thrownIn(opened.page, work, './no-such-model/')).toMatch(/^ModelLoadError: .*no-such-model/)
    expect(await thrownIn(opened.page, work, 'neither id nor address')).toMatch(/^ModelLoadError: .*'neither id nor address'/)
  })

  it('a browser without WebGPU', async () => {
    const work = (url: string) => {
      const source = `Object.defineProperty(navigator, 'gpu', { value: undefined }); await import(${JSON.stringify(url)}); postMessage('ready')`
      const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })), { type: 'module' })
      return new Promise((resolve) => worker.addEventListener('message', resolve, { once: true })).then(() =>
        LLM.create({ ...options, worker }),
      )
    }
    expect(await thrownIn(opened.page, work, `${opened.library}worker.js`)).toMatch(/^WebGPUUnavailableError: /)
  })

  it('leaves no error that nobody caught', () => {
    expect(opened.complaints).toEqual([])
  })
})
