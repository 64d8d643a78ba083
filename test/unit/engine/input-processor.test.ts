import { describe, expect, it } from 'vitest'
import { type InputModel, InputProcessor, type InputRules } from '../../../src/engine/input-processor.ts'
import { mediaLimitsOf } from '../../../src/engine/media-limits.ts'
import type { AnyFamily, ExpandedPrompt, PreparedMedia } from '../../../src/models/family.ts'
import type { EngineRequest } from '../../../src/protocol/engine-api.ts'
import type { WireImage } from '../../../src/protocol/media.ts'
import type { Tokenizer } from '../../../src/text/tokenizer.ts'
import { idsOf } from './fake-tokenizer.ts'

/** Its placeholder; an image of w × h pixels is w tokens. */
const IMAGE = 98

const prepare = (kind: 'image' | 'video', tokens: number): PreparedMedia => ({
  kind,
  tokens,
  grid: [1, 1, tokens],
  inputs: { patches: { data: new Float32Array(tokens), shape: [tokens] } },
})

let prepared = 0

const family = {
  modelTypes: ['fake'],
  kinds: ['image'],
  decoder: () => ({ layers: 1, kvHeads: 1, headDim: 4, hidden: 4, vocabulary: 100, maxPositions: 64 }),
  endTokens: () => [99],
  prepareImage(_config: unknown, image: { width: number }) {
    prepared++
    return prepare('image', image.width)
  },
  prepareEmbeds: (_config: unknown, _kind: unknown, tensors: Record<string, { shape: readonly number[] }>) =>
    Object.values(tensors).map((tensor) => prepare('image', tensor.shape[0] ?? 0)),
  expandPrompt(
    _config: unknown,
    prompt: string | readonly number[],
    encode: (text: string, special: boolean) => number[],
    media: { image?: readonly PreparedMedia[] },
  ): ExpandedPrompt {
    const ids = typeof prompt === 'string' ? encode(prompt, true) : prompt
    const tokenIds: number[] = []
    const spans: ExpandedPrompt['spans'][number][] = []
    for (const id of ids) {
      const length = id === IMAGE ? (media.image?.[spans.length]?.tokens ?? 0) : 1
      if (id === IMAGE) spans.push({ kind: 'image', item: spans.length, offset: tokenIds.length, length })
      for (let i = 0; i < length; i++) tokenIds.push(id)
    }
    return { tokenIds, spans }
  },
  positions: (_config: unknown, { tokenIds }: ExpandedPrompt) => ({ streams: new Int32Array(3 * tokenIds.length), next: tokenIds.length }),
} as unknown as AnyFamily

const tokenizer = {
  // A 'begin' token in front of every text.
  encode: (text: string, { addSpecialTokens }: { addSpecialTokens?: boolean | 'auto' } = {}) => [
    ...(addSpecialTokens ? [97] : []),
    ...idsOf(text).map((id) => (id === idsOf('#')[0] ? IMAGE : id)),
  ],
  namedTokens: { pad_token: 'PAD' },
  decode: ([id]: number[]) => `<${id}>`,
  fewestTokens: (text: string) => Math.ceil(text.length / 4),
  bosToken: 'BOS',
  eosToken: undefined,
} as unknown as Tokenizer

const template =
  "{% for m in messages %}{{ m.role[0] }}:{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}{{ '#' if p.type == 'image' else p.text }}{% endfor %}{% endif %};{% endfor %}{% if add_generation_prompt %}a:{% endif %}"

function processor(change: { model?: Partial<InputModel>; rules?: Partial<InputRules> } = {}): InputProcessor {
  return new InputProcessor(
    { family, config: {}, tokenizer, templates: { chatTemplateJinja: template }, generationConfig: undefined, ...change.model },
    {
      modelName: 'org/model',
      task: 'generate',
      maxModelLength: 64,
      mediaLimits: mediaLimitsOf({ limit_mm_per_prompt: { image: 2 } }),
      prefixCaching: true,
      processorOptions: {},
      mediaReading: {},
      seed: undefined,
      ...change.rules,
    },
  )
}

const request = (change: Partial<EngineRequest>): EngineRequest => ({
  request_id: 'r',
  input: { prompt: 'hi' },
  media: {},
  sampling: {},
  ...change,
})

const process = (change: Partial<EngineRequest>, using = processor()) => using.process(request(change), new AbortController().signal)

const picture = (width: number, shade = 0): WireImage => ({
  kind: 'rgba',
  width,
  height: 1,
  data: new Uint8ClampedArray(width * 4).fill(shade),
})

const keysOf = async (changes: Partial<EngineRequest>[], using = processor()): Promise<(string | undefined)[]> => {
  const keys: (string | undefined)[] = []
  for (const change of changes) keys.push((await process({ input: { prompt: '#' }, ...change }, using)).media[0]?.key)
  return keys
}

describe('InputProcessor', () => {
  it('reads prompts, chats and ids', async () => {
    expect(await process({ input: { prompt: 'hi' } })).toMatchObject({ promptText: 'hi', promptTokens: [97, ...idsOf('hi')] })
    expect(await process({ input: { prompt_token_ids: [5, 6] } })).toMatchObject({ promptText: null, promptTokens: [5, 6] })
    const messages = [{ role: 'user' as const, content: 'hi' }]
    expect(await process({ input: { messages, chat: {} } })).toMatchObject({
      promptText: 'u:hi;a:',
      promptTokens: [97, ...idsOf('u:hi;a:')],
    })
  })

  it('renders a chat with the request’s template, else the engine’s, and its variables', async () => {
    const messages = [{ role: 'user' as const, content: 'hi' }]
    const text = async (chat: object, using = processor()) => (await process({ input: { messages, chat } }, using)).promptText
    expect(await text({ add_generation_prompt: false })).toBe('u:hi;')
    expect(await text({ chat_template: '{{ pad_token }}{{ bos_token }}{{ mood }}', chat_template_kwargs: { mood: '!' } })).toBe('PADBOS!')
    expect(await text({}, processor({ model: { templates: { chatTemplate: 'mine', chatTemplateJinja: template } } }))).toBe('mine')
  })

  it('puts media where their placeholders stand', async () => {
    const messages = [
      { role: 'user' as const, content: [{ type: 'image' as const }, { type: 'text' as const, text: 'or' }, { type: 'image' as const }] },
    ]
    const accepted = await process({ input: { messages, chat: {} }, media: { image: [picture(3), picture(5)] } })
    expect(accepted.media.map(({ offset, length }) => [offset, length])).toEqual([
      [3, 3],
      [8, 5],
    ])
  })

  it('knows media by their pixels and their options', async () => {
    const [first, same, darker, limited] = await keysOf([
      { media: { image: [picture(3)] } },
      { media: { image: [picture(3)] } },
      { media: { image: [picture(3, 9)] } },
      { media: { image: [picture(3)] }, mm_processor_kwargs: { max_pixels: 5 } },
    ])
    expect(same).toBe(first)
    expect(new Set([first, darker, limited]).size).toBe(3)
    const tensors = (value: number) => ({ image_embeds: { data: new Float32Array(8).fill(value), shape: [2, 4] } })
    const [ones, twos] = await keysOf([
      { media: { image: [{ kind: 'embeds', tensors: tensors(1) }] } },
      { media: { image: [{ kind: 'embeds', tensors: tensors(2) }] } },
    ])
    expect(twos).not.toBe(ones)
  })

  it('prepares the same picture once', async () => {
    const before = prepared
    await keysOf([{ media: { image: [picture(3)] } }, { media: { image: [picture(3)] } }, { media: { image: [picture(4)] } }])
    expect(prepared - before).toBe(2)
  })

  it('reads a text or a conversation as tokens, each with its text', () => {
    const messages = [{ role: 'user' as const, content: [{ type: 'image' as const }] }]
    expect(processor().tokenize({ prompt: 'a' })).toEqual({ tokens: [97, 65], token_strs: ['<97>', '<65>'] })
    expect(processor().tokenize({ prompt: 'a', add_special_tokens: false }).tokens).toEqual([65])
    const chat = processor().tokenize({ messages, chat: { add_generation_prompt: false } })
    expect(chat.tokens).toEqual([97, ...idsOf('u:'), IMAGE, ...idsOf(';')])
    expect(processor().tokenize({ messages, chat: {}, add_special_tokens: false }).tokens[0]).toBe(idsOf('u')[0])
  })

  it('cuts max_tokens to what is left, which is also what an open request gets', async () => {
    const prompt = { prompt_token_ids: [1, 2, 3, 4] }
    expect((await process({ input: prompt, sampling: { max_tokens: 500 } })).maxTokens).toBe(60)
    expect((await process({ input: prompt })).maxTokens).toBe(60)
    expect((await process({ input: prompt }, processor({ model: { generationConfig: { max_new_tokens: 7 } } }))).maxTokens).toBe(7)
  })

  it('separates salts, and every request where prefixes are not cached', async () => {
    const salts = async (using: InputProcessor) => {
      const requests = [{}, {}, { cache_salt: 'x' }]
      return (await Promise.all(requests.map((change) => process(change, using)))).map((accepted) => accepted.cacheSalt)
    }
    expect(new Set(await salts(processor())).size).toBe(2)
    expect(new Set(await salts(processor({ rules: { prefixCaching: false } }))).size).toBe(3)
  })

  it('takes the engine’s seed, or a new one each time', async () => {
    const seeds = async (using: InputProcessor) => [(await process({}, using)).sampling.seed, (await process({}, using)).sampling.seed]
    expect(await seeds(processor({ rules: { seed: 4 } }))).toEqual([4n, 4n])
    const [one, other] = await seeds(processor())
    expect(other).not.toBe(one)
  })

  const refused: [what: string, change: object, name: string, message: RegExp][] = [
    ['an empty prompt', { input: { prompt_token_ids: [] } }, 'InvalidRequestError', /^The prompt is empty/],
    ['a prompt that is no text', { input: { prompt: 5 } }, 'InvalidRequestError', /^prompt must be a string, got 5/],
    [
      'ids outside the vocabulary',
      { input: { prompt_token_ids: [1, 100] } },
      'InvalidRequestError',
      /^prompt_token_ids must be a list of ids from 0 to 99, got 100/,
    ],
    ['no messages', { input: { messages: [], chat: {} } }, 'InvalidRequestError', /^messages must hold at least one/],
    [
      'too long a prompt',
      { input: { prompt_token_ids: new Array(64).fill(1) } },
      'ContextLengthError',
      /^prompt has 64 tokens but max_model_len is 64; shorten it or raise max_model_len/,
    ],
    [
      'a text that is surely too long, without encoding it',
      { input: { prompt: 'x'.repeat(600) } },
      'ContextLengthError',
      /^prompt has at least 150 tokens but max_model_len is 64; shorten it/,
    ],
    [
      'a conversation that is surely too long',
      { input: { messages: [{ role: 'user', content: 'x'.repeat(600) }], chat: {} } },
      'ContextLengthError',
      /^prompt has at least 15\d tokens/,
    ],
    [
      'too many pictures',
      { input: { prompt: '###' }, media: { image: [picture(1), picture(1), picture(1)] } },
      'InvalidRequestError',
      /^At most 2 image\(s\) may be provided in one prompt, got 3; .* limit_mm_per_prompt/,
    ],
    [
      'a kind the model lacks',
      { media: { audio: [{ kind: 'samples', channels: [], sampling_rate: 1 }] } },
      'InvalidRequestError',
      /^This model takes no audio; it takes image\.$/,
    ],
    [
      'pixels that do not add up',
      { media: { image: [{ kind: 'rgba', width: 3, height: 3, data: new Uint8ClampedArray(4) }] } },
      'MediaError',
      /3×3/,
    ],
    [
      'a tensor that does not add up',
      { media: { image: [{ kind: 'embeds', tensors: { image_embeds: { data: new Float32Array(3), shape: [2, 2] } } }] } },
      'InvalidRequestError',
      /^image_embeds has shape \[2,2\], which is 4 values, but 3 were given/,
    ],
    [
      'reading options that are no object',
      { media_io_kwargs: [] },
      'InvalidRequestError',
      /^media_io_kwargs must be an object .* got \[\]/,
    ],
    [
      'reading options of a kind that are no object',
      { media_io_kwargs: { video: 8, smell: 1 } },
      'InvalidRequestError',
      /^media_io_kwargs\.video must be an object, got 8/,
    ],
    ['a priority that is no number', { priority: 'high' }, 'InvalidRequestError', /^priority must be a number, got "high"/],
    ['bad sampling', { sampling: { top_p: 4 } }, 'InvalidRequestError', /^top_p must be/],
  ]
  for (const [what, change, name, message] of refused) {
    it(`refuses ${what}`, async () => {
      const error = await process(change as Partial<EngineRequest>).catch((thrown: Error) => thrown)
      expect((error as Error).name).toBe(name)
      expect((error as Error).message).toMatch(message)
    })
  }

  it('stops when the request is aborted', async () => {
    const aborted = AbortSignal.abort()
    const error = await processor()
      .process(request({ input: { prompt: '#' }, media: { image: [picture(2)] } }), aborted)
      .catch((thrown: Error) => thrown)
    expect((error as Error).name).toBe('AbortError')
  })
})
