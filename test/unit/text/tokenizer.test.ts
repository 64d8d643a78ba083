import { describe, expect, it } from 'vitest'
import { createTokenizer } from '../../../src/text/tokenizer.ts'
import { decodeCases, families, goldenTokenizer, readGolden } from '../../support/golden-files.ts'

interface Case {
  text: string
  add_special_tokens: boolean
  ids: number[]
  decoded: string
  decoded_skipping_special: string
}

const llama = goldenTokenizer('llava')
const qwen = goldenTokenizer('qwen2_vl')
const llama3 = goldenTokenizer('ultravox')
const nameOf = (error: unknown) => (error as Error).name
const thrownBy = (action: () => unknown): Error => {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

describe.each(families)('tokenizer of %s', (family) => {
  const tokenizer = goldenTokenizer(family)
  const cases = readGolden<{ cases: Case[] }>(`${family}/tokenizer_cases.json`).cases

  it('has golden cases', () => {
    expect(cases.length).toBeGreaterThan(40)
  })

  it.each(cases)('encodes and decodes $text (special tokens added: $add_special_tokens)', (golden) => {
    expect(tokenizer.encode(golden.text, { addSpecialTokens: golden.add_special_tokens })).toEqual(golden.ids)
    expect(tokenizer.decode(golden.ids, { skipSpecialTokens: false })).toBe(golden.decoded)
    expect(tokenizer.decode(golden.ids)).toBe(golden.decoded_skipping_special)
  })
})

describe.each(decodeCases)('tokenizer of %s beside the reference library', (family, { decoded, plain }) => {
  const tokenizer = goldenTokenizer(family)

  it.each(decoded)('decodes $ids', ({ ids, text, skipped }) => {
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(text)
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(skipped)
  })

  it.each(plain)('reads special tokens in $text as plain text', ({ text, ids }) => {
    expect(tokenizer.encode(text, { addSpecialTokens: false, splitSpecialTokens: true })).toEqual(ids)
  })
})

describe('special tokens', () => {
  it.each([
    ['adds BOS to a text', llama, 'Hi', [1]],
    ['adds BOS to an empty text', llama, '', [1]],
    ['adds no second BOS to a text that begins with it', llama3, '<|begin_of_text|>Hi', [486]],
    ['adds BOS before another special token', llama3, '<|eot_id|>Hi', [486, 495]],
  ])('%s', (_name, tokenizer, text, start) => {
    const ids = tokenizer.encode(text)
    expect(ids.slice(0, start.length)).toEqual(start)
    expect(ids.filter((id) => id === tokenizer.bosTokenId)).toHaveLength(1)
  })

  it('adds nothing where the post-processor adds nothing', () => {
    expect(qwen.encode('Hi')).toEqual(qwen.encode('Hi', { addSpecialTokens: false }))
  })

  it('adds BOS to plain text that looks like BOS', () => {
    const ids = llama3.encode('<|begin_of_text|>Hi', { splitSpecialTokens: true })
    expect(ids.filter((id) => id === 486)).toEqual([486])
    expect(llama3.decode(ids)).toBe('<|begin_of_text|>Hi')
  })

  it('still finds special tokens after a plain encoding', () => {
    qwen.encode('<|im_start|>', { splitSpecialTokens: true })
    expect(qwen.encode('<|im_start|>')).toEqual([487])
  })

  it('knows names, ids and strings', () => {
    expect([llama.bosToken, llama.bosTokenId, llama.eosToken, llama.eosTokenId]).toEqual(['<s>', 1, '</s>', 2])
    expect([qwen.bosToken, qwen.bosTokenId, qwen.eosToken, qwen.eosTokenId]).toEqual([undefined, undefined, '<|im_end|>', 488])
    expect(qwen.tokenId('<|image_pad|>')).toBe(498)
    expect(qwen.tokenId('no such token')).toBe(undefined)
    expect(qwen.namedTokens).toEqual({ eos_token: '<|im_end|>', pad_token: '<|endoftext|>' })
    expect([qwen.isSpecial(488), qwen.isSpecial(0), qwen.isSpecial(100_000)]).toEqual([true, false, false])
    expect([qwen.vocabSize, llama.vocabSize]).toEqual([500, 573])
  })

  it('reads tokens given as objects', () => {
    const config = { bos_token: { content: '<s>', lstrip: false }, eos_token: { content: '</s>' }, unk_token: null }
    const tokenizer = createTokenizer(readGolden('llava/checkpoint/tokenizer.json'), config)
    expect([tokenizer.bosToken, tokenizer.bosTokenId, tokenizer.eosToken, tokenizer.eosTokenId]).toEqual(['<s>', 1, '</s>', 2])
  })

  it('takes tokens that only tokenizer_config.json lists', () => {
    const json = readGolden<{ added_tokens: { content: string }[] }>('qwen2_vl/checkpoint/tokenizer.json')
    const shorter = { ...json, added_tokens: json.added_tokens.filter((token) => token.content !== '<|image_pad|>') }
    const config = readGolden<object>('qwen2_vl/checkpoint/tokenizer_config.json')
    const completed = createTokenizer(shorter, config)
    expect(completed.encode('a<|image_pad|>b')).toEqual(qwen.encode('a<|image_pad|>b'))
    expect(completed.isSpecial(498)).toBe(true)
    expect(createTokenizer(shorter, {}).tokenId('<|image_pad|>')).toBe(undefined)
  })
})

describe('token bytes', () => {
  it.each([
    ['a byte-level token with its space', qwen, 'Ġt', [32, 116]],
    ['a byte-level newline', qwen, 'Ċ', [10]],
    ['half a character of a byte-level vocabulary', qwen, 'ð', [0xf0]],
    ['an added token', qwen, '<|im_end|>', [...new TextEncoder().encode('<|im_end|>')]],
    ['a fallback byte', llama, '<0xE5>', [0xe5]],
    ['a piece with its space', llama, '▁t', [32, 116]],
    ['a piece beyond ASCII', llama, 'é', [0xc3, 0xa9]],
  ])('gives %s', (_name, tokenizer, token, bytes) => {
    const id = tokenizer.tokenId(token)
    expect(id).toBeTypeOf('number')
    expect([...tokenizer.tokenBytes(id as number)]).toEqual(bytes)
  })

  it('gives no bytes for an id beyond the vocabulary', () => {
    expect(qwen.tokenBytes(qwen.vocabSize)).toHaveLength(0)
    expect(qwen.decode([39, 100_000, 78])).toBe(qwen.decode([39, 78]))
  })
})

describe('any text', () => {
  it.each([
    ['NUL', 'a\0b', 'a\0b'],
    ['a lone surrogate, which UTF-8 cannot hold', 'a\ud83db', 'a\ufffdb'],
    ['right-to-left', 'שלום world مرحبا', 'שלום world مرحبا'],
    ['emoji joined by ZWJ', '👩🏽‍🚀🏳️‍🌈', '👩🏽‍🚀🏳️‍🌈'],
    ['a byte order mark', '\ufeffx\ufeff', '\ufeffx\ufeff'],
    ['names of Object.prototype', '__proto__ constructor', '__proto__ constructor'],
  ])('comes back: %s', (_name, text, back) => {
    for (const tokenizer of [llama, qwen, llama3]) expect(tokenizer.decode(tokenizer.encode(text))).toBe(back)
  })

  it('may be long', () => {
    const text = 'a line of words, 12345 and 你好\n'.repeat(10_000)
    expect(qwen.decode(qwen.encode(text))).toBe(text)
  })
})

describe('damaged files', () => {
  const good = readGolden<Record<string, unknown>>('qwen2_vl/checkpoint/tokenizer.json')
  it.each([
    ['no object', null, 'model'],
    ['no model', { ...good, model: undefined }, 'model'],
    ['an unknown pre-tokenizer', { ...good, pre_tokenizer: { type: 'Guess' } }, 'Guess'],
    ['an unknown decoder', { ...good, decoder: { type: 'CTC' } }, 'CTC'],
    ['no decoder', { ...good, decoder: null }, 'decoder'],
    ['an added token without content', { ...good, added_tokens: [{ id: 3 }] }, 'added token'],
  ])('are a ModelLoadError: %s', (_name, json, part) => {
    const error = thrownBy(() => createTokenizer(json, {}))
    expect(nameOf(error)).toBe('ModelLoadError')
    expect(error.message).toContain(part)
  })
})
