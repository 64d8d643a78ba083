import { describe, expect, it } from 'vitest'
import { InputProcessor } from '../../../src/engine/input-processor.ts'
import { mediaLimitsOf } from '../../../src/engine/media-limits.ts'
import { findFamily } from '../../../src/models/registry.ts'
import type { WireMessage, WirePart } from '../../../src/protocol/chat.ts'
import type { TaskOption } from '../../../src/protocol/engine-api.ts'
import type { WireImage, WireMedia } from '../../../src/protocol/media.ts'
import { families, goldenModelFiles, goldenTokenizer, readGolden } from '../../support/golden-files.ts'

type FamilyName = (typeof families)[number]

const TASKS: Partial<Record<FamilyName, TaskOption>> = { vlm2vec: 'embed', dse_qwen2: 'embed' }

/** What a template must have beside a text for models that embed none without a picture. */
const PICTURES: Partial<Record<FamilyName, string>> = { dse_qwen2: '<|vision_start|><|image_pad|><|vision_end|>' }

const fileOf = (name: FamilyName, file: string): unknown => {
  try {
    return readGolden(`${name}/checkpoint/${file}`)
  } catch {
    return undefined
  }
}

function processorOf(name: FamilyName, maxModelLength = 4096): InputProcessor {
  const files = goldenModelFiles(name)
  const family = findFamily(files.config['model_type'])
  const templates = { chatTemplateJson: fileOf(name, 'chat_template.json'), tokenizerConfig: fileOf(name, 'tokenizer_config.json') }
  return new InputProcessor(
    { family, config: family.readConfig(files), tokenizer: goldenTokenizer(name), templates, generationConfig: undefined },
    {
      modelName: name,
      task: TASKS[name] ?? 'generate',
      maxModelLength,
      mediaLimits: mediaLimitsOf({}),
      prefixCaching: true,
      processorOptions: {},
      mediaReading: {},
      seed: 0,
    },
  )
}

/** The prompt's ids of a request for these messages. */
async function asked(processor: InputProcessor, name: FamilyName, messages: WireMessage[], media: WireMedia, chat: object) {
  const pooling = TASKS[name] === 'embed' ? { pooling: {} } : {}
  const request = { request_id: 'r', input: { messages, chat }, media, sampling: {}, ...pooling }
  return await processor.process(request, new AbortController().signal)
}

/** Ids with one id left of every run that media take. */
function collapsed({ promptTokens, media }: Awaited<ReturnType<typeof asked>>): number[] {
  const inside = (at: number): boolean => media.some(({ offset, length }) => at > offset && at < offset + length)
  return promptTokens.filter((_, at) => !inside(at))
}

const CONVERSATION: WireMessage[] = [
  { role: 'system', content: 'Answer briefly.' },
  { role: 'user', content: 'Hello there, Ça va?' },
  { role: 'assistant', content: 'Good.' },
  { role: 'user', content: 'And now?' },
]

describe('tokenize gives a conversation the ids that a request gets', () => {
  for (const name of families)
    it.each<[what: string, chat: object]>([
      ['as it is', {}],
      ['without the opening of an answer', { add_generation_prompt: false }],
      ['with a template that writes the beginning', { chat_template: `{{ bos_token }}{{ messages[1].content }}${PICTURES[name] ?? ''}` }],
    ])(`of ${name}, %s`, async (_, chat) => {
      const processor = processorOf(name)
      const { tokens } = processor.tokenize({ messages: CONVERSATION, chat })
      expect(tokens).toEqual(collapsed(await asked(processor, name, CONVERSATION, {}, chat)))
      expect(tokens.length).toBeGreaterThan(3)
    })

  const picture: WireImage = { kind: 'rgba', width: 56, height: 56, data: new Uint8ClampedArray(56 * 56 * 4).fill(90) }
  const withPart = (part: WirePart): WireMessage[] => [{ role: 'user', content: [part, { type: 'text', text: 'What is it?' }, part, part] }]

  for (const name of ['llava', 'phi3_v', 'qwen2_vl', 'dse_qwen2', 'vlm2vec'] as const)
    it(`of ${name} with pictures, each one placeholder`, async () => {
      const processor = processorOf(name)
      const messages = withPart({ type: 'image' })
      const request = await asked(processor, name, messages, { image: [picture, picture, picture] }, {})
      expect(request.media.length).toBe(3)
      expect(processor.tokenize({ messages, chat: {} }).tokens).toEqual(collapsed(request))
    })

  it('of ultravox with sounds, each one placeholder', async () => {
    const processor = processorOf('ultravox')
    const messages = withPart({ type: 'audio' })
    const sound = { kind: 'samples' as const, channels: [new Float32Array(16000).fill(0.1)], sampling_rate: 16000 }
    const request = await asked(processor, 'ultravox', messages, { audio: [sound, sound, sound] }, {})
    expect(request.media.length).toBe(3)
    expect(processor.tokenize({ messages, chat: {} }).tokens).toEqual(collapsed(request))
  })

  it('of minicpmv with pictures as its template writes them', () => {
    const text = '(<image>./</image>)\nWhat is it?\n(<image>./</image>)\n(<image>./</image>)'
    const given = processorOf('minicpmv').tokenize({ messages: withPart({ type: 'image' }), chat: {} })
    expect(given.tokens).toEqual(processorOf('minicpmv').tokenize({ messages: [{ role: 'user', content: text }], chat: {} }).tokens)
  })

  it('of llava with a clip, as one picture: how many frames it has is not known yet', () => {
    const processor = processorOf('llava')
    const clip = processor.tokenize({ messages: withPart({ type: 'video' }), chat: {} })
    expect(clip.tokens).toEqual(processor.tokenize({ messages: withPart({ type: 'image' }), chat: {} }).tokens)
  })

  it('and takes or leaves the tokenizer’s own tokens when that is said', () => {
    const processor = processorOf('llava')
    const { tokens } = processor.tokenize({ messages: CONVERSATION, chat: {} })
    expect(processor.tokenize({ messages: CONVERSATION, chat: {}, add_special_tokens: false }).tokens).toEqual(tokens.slice(1))
    expect(processor.tokenize({ messages: CONVERSATION, chat: {}, add_special_tokens: true }).tokens).toEqual(tokens)
  })
})

describe('tokenize of a text that no prompt can be', () => {
  const refusal = (work: () => unknown): string => {
    try {
      work()
      return 'nothing: it succeeded'
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message}`
    }
  }

  for (const name of families)
    it(`is refused unread by ${name}, as in a request`, () => {
      const processor = processorOf(name, 64)
      const huge = 'word and word '.repeat(200_000)
      const message = /^ContextLengthError: prompt has at least \d+ tokens but max_model_len is 64; shorten it/
      expect(refusal(() => processor.tokenize({ prompt: huge }))).toMatch(message)
      expect(refusal(() => processor.tokenize({ messages: [{ role: 'user', content: huge }], chat: {} }))).toMatch(message)
      expect(processor.tokenize({ prompt: 'word' }).tokens.length).toBeGreaterThan(0)
    })
})
