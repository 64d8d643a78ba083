import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ChatCallOptions, ChatMessage, LLM, MultiModalData, Prompt, SamplingParams } from '../../src/index.ts'
import { answer, expectHealthy, goldenCase, openGolden, PICTURE, rejection, unhandledRejections } from '../support/golden-model.ts'
import { inputUrl } from '../support/goldens.ts'

const unhandled = unhandledRejections()
const stamp = inputUrl('images/stamp.png')

/** The start of a PNG that says it is this large. */
function pngHeader(width: number, height: number): Blob {
  const bytes = new Uint8Array(33 + 4)
  bytes.set([137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82])
  new DataView(bytes.buffer).setUint32(16, width)
  new DataView(bytes.buffer).setUint32(20, height)
  bytes.set([8, 2, 0, 0, 0], 24)
  return new Blob([bytes], { type: 'image/png' })
}

const canvas = (width: number, height: number): OffscreenCanvas => {
  const made = new OffscreenCanvas(width, height)
  made.getContext('2d')?.fillRect(0, 0, 1, 1)
  return made
}

/** A golden picture without its last bytes. */
async function truncated(): Promise<Blob> {
  const blob = await (await fetch(inputUrl('images/cup.png'))).blob()
  return blob.slice(0, 400)
}

const withPicture = (image: unknown): Prompt => ({ prompt: PICTURE, multi_modal_data: { image } as MultiModalData })

const prompts: [what: string, prompt: () => unknown | Promise<unknown>, error: RegExp][] = [
  ['an empty prompt', () => '', /^InvalidRequestError: The prompt is empty; give at least one token/],
  ['no token ids', () => ({ prompt_token_ids: [] }), /^InvalidRequestError: The prompt is empty/],
  ['a number for a prompt', () => 5, /^InvalidRequestError: A prompt must be a string/],
  ['both text and ids', () => ({ prompt: 'a', prompt_token_ids: [1] }), /^InvalidRequestError: .*both prompt and prompt_token_ids/],
  ['fractional token ids', () => ({ prompt_token_ids: [1.5] }), /^InvalidRequestError: A prompt must be .*whole numbers/],
  [
    'a token id beyond the vocabulary',
    () => ({ prompt_token_ids: [1, 512] }),
    /^InvalidRequestError: prompt_token_ids .*0 to 511, got 512/,
  ],
  ['a negative token id', () => ({ prompt_token_ids: [-1] }), /^InvalidRequestError: prompt_token_ids .*0 to 511, got -1/],
  [
    'a prompt that is too long',
    () => ({ prompt_token_ids: Array.from({ length: 5210 }, () => 7) }),
    /^ContextLengthError: prompt has 5210 tokens but max_model_len is 256; shorten it or raise max_model_len/,
  ],
  [
    'a prompt that leaves no place for an answer',
    () => ({ prompt_token_ids: Array.from({ length: 256 }, () => 7) }),
    /^ContextLengthError: prompt has 256 tokens but max_model_len is 256/,
  ],
  [
    'a long text',
    () => 'the quick brown fox '.repeat(5000),
    /^ContextLengthError: prompt has at least \d{4,} tokens but max_model_len is 256/,
  ],
  [
    'a picture with more tokens than fit',
    () => ({ ...(withPicture(canvas(1400, 1400)) as object), mm_processor_kwargs: { max_pixels: 1_960_000 } }),
    /^ContextLengthError: prompt has 2502 tokens but max_model_len is 256/,
  ],
  [
    'more pictures than allowed',
    () => ({ prompt: PICTURE.repeat(3), multi_modal_data: { image: [stamp, stamp, stamp] } }),
    /^InvalidRequestError: At most 2 image\(s\).*got 3; send fewer.*limit_mm_per_prompt/,
  ],
  [
    'a modality that is not allowed',
    () => ({ prompt: 'x', multi_modal_data: { video: [[stamp]] } }),
    /^InvalidRequestError: At most 0 video\(s\).*got 1/,
  ],
  [
    'sound for a model without ears',
    () => ({ prompt: 'x', multi_modal_data: { audio: [[new Float32Array(9), 16000]] } }),
    /^InvalidRequestError: This model takes no audio; it takes image and video/,
  ],
  [
    'an unknown modality',
    () => ({ prompt: 'x', multi_modal_data: { smell: 1 } }),
    /^InvalidRequestError: multi_modal_data\.smell is not known; allowed are image, video, audio/,
  ],
  [
    'fewer pictures than placeholders',
    () => ({ prompt: PICTURE.repeat(2), multi_modal_data: { image: stamp } }),
    /^InvalidRequestError: The prompt has 2 image placeholder\(s\) but multi_modal_data has 1 image\(s\); give one/,
  ],
  [
    'more pictures than placeholders',
    () => ({ prompt: PICTURE, multi_modal_data: { image: [stamp, stamp] } }),
    /^InvalidRequestError: The prompt has 1 image placeholder\(s\) but multi_modal_data has 2 image/,
  ],
  [
    'a placeholder without a picture',
    () => PICTURE,
    /^InvalidRequestError: The prompt has 1 image placeholder\(s\) but multi_modal_data has 0/,
  ],
  [
    'a video placeholder for a picture',
    () => ({ prompt: '<|video_pad|>', multi_modal_data: { image: stamp } }),
    /^InvalidRequestError: The prompt has 0 image placeholder/,
  ],
  ['an empty file', () => withPicture(new Blob([])), /^MediaError: The image is empty \(0 bytes\); allowed are PNG, JPEG/],
  [
    'an HTML page',
    () => withPicture(new Blob(['<!doctype html><p>Sign in'], { type: 'image/png' })),
    /^MediaError: The image is an HTML page.*allowed are PNG/,
  ],
  [
    'an SVG drawing',
    () => withPicture(new Blob(['<svg xmlns="http://www.w3.org/2000/svg"/>'])),
    /^MediaError: The image is an SVG drawing \(draw it on a canvas/,
  ],
  ['text', () => withPicture(new Blob(['hello world'])), /^MediaError: The image is in no known format \(it begins with 68 65 6c/],
  ['a truncated picture', async () => withPicture(await truncated()), /^MediaError: The image is a damaged or incomplete PNG file/],
  [
    'a picture that ends in its header',
    () => withPicture(pngHeader(4, 4).slice(0, 20)),
    /^MediaError: The image is a PNG file of 20 bytes that ends within its header/,
  ],
  ['a picture without pixels', () => withPicture(pngHeader(0, 10)), /^MediaError: The image is a PNG file of 0×10 pixels; both sides/],
  [
    'a PNG of 20000×20000',
    () => withPicture(pngHeader(20000, 20000)),
    /^MediaError: The image is 20000×20000 pixels \(400 million\); at most 40 million are allowed/,
  ],
  ['an aspect ratio over 200', () => withPicture(canvas(402, 2)), /^MediaError: .*402×2 pixels, an aspect ratio above 200; crop it/],
  ['an address without a picture', () => withPicture('/no/such/picture.png'), /^MediaError: .*no\/such\/picture\.png/],
  ['a file address', () => withPicture('file:///etc/passwd'), /^MediaError: .*file:\/\/\/etc\/passwd, which a page cannot read/],
  [
    'an address of another scheme',
    () => withPicture('ftp://host/a.png'),
    /^MediaError: .*scheme ftp:; allowed are http:, https:, data: and blob:/,
  ],
  ['a data URL that is damaged', () => withPicture('data:image/png;base64,@@@'), /^MediaError: .*base64 is damaged/],
  [
    'an object that is no picture',
    () => withPicture({ pixels: [] }),
    /^InvalidRequestError: multi_modal_data\.image is an object with pixels; a picture may be/,
  ],
  [
    'embeddings of the wrong size',
    () => withPicture({ image_embeds: { data: new Float32Array(60), shape: [1, 60] }, image_grid_thw: [[1, 2, 2]] }),
    /^InvalidRequestError: image_embeds has shape \[1,60\]; expected \[1, 64\]/,
  ],
  [
    'a grid of the wrong size',
    () => withPicture({ image_embeds: { data: new Float32Array(64), shape: [1, 64] }, image_grid_thw: [[1, 2]] }),
    /^InvalidRequestError: image_grid_thw/,
  ],
  [
    'a grid that is no whole number of tokens',
    () => withPicture({ image_embeds: { data: new Float32Array(64), shape: [1, 64] }, image_grid_thw: [[4, 1, 1]] }),
    /^InvalidRequestError: image_grid_thw has the grid \[4,1,1\]; .*multiples of 2/,
  ],
  [
    'a grid of negative sizes',
    () => withPicture({ image_embeds: { data: new Float32Array(64), shape: [1, 64] }, image_grid_thw: [[-1, -2, 2]] }),
    /^InvalidRequestError: image_grid_thw has the grid \[-1,-2,2\]/,
  ],
  [
    'a name of a picture that is no string',
    () => ({ ...(withPicture(stamp) as object), multi_modal_uuids: { image: [5] } }),
    /^InvalidRequestError: multi_modal_uuids\.image holds 5; a name is a string/,
  ],
  [
    'more names than pictures',
    () => ({ ...(withPicture(stamp) as object), multi_modal_uuids: { image: ['a', 'b'] } }),
    /^InvalidRequestError: multi_modal_uuids\.image has 2 name\(s\) for 1 item/,
  ],
  [
    'embeddings that are not finite',
    () => withPicture({ image_embeds: { data: new Float32Array(64).fill(Number.NaN), shape: [1, 64] }, image_grid_thw: [[1, 2, 2]] }),
    /^InvalidLogitsError: The model gave logits that are not finite.*inputs/,
  ],
  [
    'pixel limits of the wrong type',
    () => ({ ...(withPicture(stamp) as object), mm_processor_kwargs: { max_pixels: 'many' } }),
    /^InvalidRequestError: mm_processor_kwargs\.max_pixels is "many"; .*whole number/,
  ],
  [
    'pixel limits that contradict',
    () => ({ ...(withPicture(stamp) as object), mm_processor_kwargs: { min_pixels: 9e6, max_pixels: 10 } }),
    /^InvalidRequestError: mm_processor_kwargs: min_pixels 9000000 is above max_pixels 10/,
  ],
  [
    'pixel limits beyond all memory',
    () => ({ ...(withPicture(stamp) as object), mm_processor_kwargs: { min_pixels: 1e12, max_pixels: 1e12 } }),
    /^(InvalidRequest|Media|ContextLength)Error: .*max_pixels/,
  ],
  [
    'processor options that are no object',
    () => ({ ...(withPicture(stamp) as object), mm_processor_kwargs: 'small' }),
    /^InvalidRequestError: mm_processor_kwargs must be an object/,
  ],
  [
    'a priority that is no number',
    () => ({ prompt: 'x', priority: 'high' }),
    /^InvalidRequestError: priority must be a number, got "high"/,
  ],
]

const user = (content: unknown): ChatMessage[] => [{ role: 'user', content } as ChatMessage]

const conversations: [what: string, messages: unknown, options: ChatCallOptions, error: RegExp][] = [
  ['no messages', [], {}, /^InvalidRequestError: messages is empty/],
  ['a message that is no object', [5], {}, /^InvalidRequestError: messages\[0\] is 5/],
  ['an unknown role', [{ role: 'cat', content: 'x' }], {}, /^InvalidRequestError: messages\[0\]\.role is "cat"; allowed are system/],
  ['content that is a number', user(5), {}, /^InvalidRequestError: messages\[0\]\.content is 5/],
  ['an unknown part', user([{ type: 'smell' }]), {}, /^InvalidRequestError: messages\[0\]\.content\[0\]\.type is "smell"/],
  [
    'an image_url that is a bare string',
    user([{ type: 'image_url', image_url: stamp }]),
    {},
    /^InvalidRequestError: messages\[0\]\.content\[0\]\.image_url is .*such as/,
  ],
  [
    'an image_url without url',
    user([{ type: 'image_url', image_url: {} }]),
    {},
    /^InvalidRequestError: messages\[0\]\.content\[0\]\.image_url is \{\}/,
  ],
  ['a text part without text', user([{ type: 'text' }]), {}, /^InvalidRequestError: messages\[0\]\.content\[0\]\.text/],
  [
    'an image_url that is neither there nor named',
    user([{ type: 'image_url', image_url: null }]),
    {},
    /^InvalidRequestError: messages\[0\]\.content\[0\]\.image_url is missing; .*uuid/,
  ],
  [
    'a name the engine does not know',
    user([{ type: 'image_url', uuid: 'never sent' }]),
    {},
    /^InvalidRequestError: The image was left out, but nothing is kept under its uuid "never sent".*Send its content again/,
  ],
  [
    'sound for a model without ears',
    user([{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }]),
    {},
    /^InvalidRequestError: This model takes no audio; it takes image and video/,
  ],
  [
    'a clip that is not allowed',
    user([{ type: 'video_url', video_url: { url: 'https://host.invalid/clip.mp4' } }]),
    {},
    /^InvalidRequestError: At most 0 video/,
  ],
  [
    'reading options of the wrong type',
    user('x'),
    { media_io_kwargs: { video: 5 } as never },
    /^InvalidRequestError: media_io_kwargs\.video must be an object, got 5/,
  ],
  [
    'text that holds a placeholder',
    user('What is <|image_pad|>?'),
    {},
    /^InvalidRequestError: The prompt has 1 image placeholder\(s\) but multi_modal_data has 0/,
  ],
  [
    'text that holds a placeholder beside a picture',
    user([
      { type: 'text', text: 'Not <|image_pad|> but' },
      { type: 'image', image: stamp },
    ]),
    {},
    /^InvalidRequestError: The prompt has 2 image placeholder\(s\) but multi_modal_data has 1/,
  ],
  ['a template of the wrong type', user('x'), { chat_template: 5 as never }, /^InvalidRequestError: chat_template must be a string, got 5/],
  ['a template that does not parse', user('x'), { chat_template: '{% for %}' }, /^InvalidRequestError: .*template/],
  [
    'a template that refuses',
    user('x'),
    { chat_template: "{{ raise_exception('only cats may speak') }}" },
    /^InvalidRequestError: .*refused the messages: only cats may speak/,
  ],
  [
    'a template without end',
    user('x'),
    { chat_template: '{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}' },
    /^InvalidRequestError: .*template .*more than/,
  ],
  [
    'a template of much text',
    user('x'.repeat(100_000)),
    { chat_template: '{% for a in range(900) %}{{ messages[0].content }}{% endfor %}' },
    /^InvalidRequestError: .*template .*characters/,
  ],
  [
    'two ways to end a prompt',
    user('x'),
    { add_generation_prompt: true, continue_final_message: true },
    /^InvalidRequestError: continue_final_message and add_generation_prompt/,
  ],
]

let llm: LLM
beforeAll(async () => {
  llm = await openGolden({ limit_mm_per_prompt: { image: 2, video: 0 } })
})
afterAll(() => llm.dispose())

/** One token, to see that the engine still answers; whole answers are compared after each table. */
const stillAnswers = async (): Promise<boolean> =>
  (await llm.generate('a', { temperature: 0, max_tokens: 1, ignore_eos: true })).length === 1

describe('a prompt that cannot be read is refused, and the next one works', () => {
  for (const [what, prompt, error] of prompts) {
    it(what, async () => {
      expect(await rejection(llm.generate((await prompt()) as Prompt, { max_tokens: 2 }))).toMatch(error)
      expect(await stillAnswers()).toBe(true)
    })
  }
  it('answers are what they were, and nothing is held', async () => {
    await expectHealthy(llm)
    expect((await answer(llm, 'image')).outputs[0]?.token_ids).toEqual(goldenCase('image').generated.token_ids)
  })
})

describe('a conversation that cannot be read is refused with the place of what is wrong', () => {
  for (const [what, messages, options, error] of conversations) {
    it(what, async () => {
      expect(await rejection(llm.chat(messages as ChatMessage[], { max_tokens: 2 }, options))).toMatch(error)
      expect(await stillAnswers()).toBe(true)
    })
  }
  it('answers are what they were, and nothing is held', () => expectHealthy(llm))
})

describe('odd values that are allowed', () => {
  it('numbers at the ends of their ranges give an answer', async () => {
    const extremes: SamplingParams[] = [
      { repetition_penalty: 1e300, temperature: 0 },
      { repetition_penalty: 1e-300, temperature: 0 },
      { top_p: 1e-300, temperature: 1 },
      { temperature: 1e30 },
      { top_k: 2 ** 40, temperature: 1 },
      { seed: -7, temperature: 1 },
      { logit_bias: Object.fromEntries(Array.from({ length: 512 }, (_, i) => [i, -100])), temperature: 1 },
      { max_tokens: 1e9, temperature: 0 },
    ]
    for (const params of extremes) {
      const [output] = await llm.generate('a', { max_tokens: 3, ignore_eos: true, ...params })
      expect(output?.outputs[0]?.token_ids.length).toBeGreaterThan(0)
    }
    await expectHealthy(llm)
  })

  it('a picture of a conversation may be named the second time it is sent', async () => {
    const ask = async (part: object): Promise<readonly number[] | undefined> => {
      const messages = user([
        { type: 'text', text: 'What is it?' },
        { type: 'image_url', uuid: 'the stamp', ...part },
      ])
      const [output] = await llm.chat(messages, { temperature: 0, max_tokens: 3, ignore_eos: true }, { cache_salt: crypto.randomUUID() })
      return output?.outputs[0]?.token_ids
    }
    const sent = await ask({ image_url: { url: stamp } })
    expect(await ask({})).toEqual(sent)
  })

  it('text and ids of the wrong type are refused by tokenize and detokenize', async () => {
    for (const odd of [undefined, null, 5]) {
      expect(await rejection(llm.tokenize(odd as never))).toMatch(/^InvalidRequestError: tokenize takes a string, got /)
      expect(await rejection(llm.detokenize(odd as never))).toMatch(/^InvalidRequestError: detokenize takes a list of token ids, got /)
    }
  })
})

describe('odd text that is allowed', () => {
  it('lone surrogates, NUL, right-to-left and joined emoji come through', async () => {
    for (const text of ['\ud800', 'a\0b', 'שלום', '👩‍👩‍👧', '\u202e']) {
      const [output] = await llm.generate(text, { temperature: 0, max_tokens: 3, ignore_eos: true })
      expect(output?.outputs[0]?.token_ids.length).toBe(3)
    }
    await expectHealthy(llm)
  })
  it('no rejection is left unhandled', () => expect(unhandled).toEqual([]))
})
