import { describe, expect, it } from 'vitest'
import { logMel } from '../../../src/media/log-mel.ts'
import type { PreparedMedia } from '../../../src/models/family.ts'
import type { UltravoxConfig } from '../../../src/models/ultravox-config.ts'
import { audioTokens, expandPrompt, prepareAudio, prepareEmbeds } from '../../../src/models/ultravox-processor.ts'

const config = { hidden: 4, stack: 8, endTokens: [9], audio: { bands: 80, positions: 1500 } } as unknown as UltravoxConfig

/** A token per letter; the run's token is 200. */
const encode = (text: string, special: boolean): number[] =>
  text === '<|reserved_special_token_0|>' ? [200] : [...(special ? [1] : []), ...[...text].map((letter) => letter.charCodeAt(0))]
const clip = (tokens: number): PreparedMedia => ({ kind: 'audio', tokens, grid: [], inputs: {} })

describe('audioTokens', () => {
  it.each([
    [0.5, 4],
    [1, 7],
    [5, 32],
    [10, 63],
    [30, 188],
  ])('%s s are %s tokens', (seconds, tokens) => {
    expect(audioTokens(seconds * 16_000, 8)).toBe(tokens)
    const items = prepareAudio(config, { rate: 16_000, channels: [new Float32Array(seconds * 16_000)] })
    expect(items.map((item) => [item.tokens, item.grid])).toEqual([[tokens, [seconds * 100, tokens]]])
  })

  it('never promises more than the encoder’s rows make', () => {
    for (let samples = 1; samples < 12_000; samples += 97) {
      const [item] = prepareAudio(config, { rate: 16_000, channels: [new Float32Array(samples)] })
      expect(item?.tokens).toBeGreaterThan(0)
      expect(item?.tokens).toBeLessThanOrEqual(Math.ceil(Math.ceil((item?.grid[0] ?? 0) / 2) / 8))
    }
  })
})

describe('prepareAudio', () => {
  it('mixes, resamples and keeps the clip’s own length', () => {
    const channels = [new Float32Array(44_100).fill(0.5), new Float32Array(44_100).fill(-0.5)]
    const [item, ...others] = prepareAudio(config, { rate: 44_100, channels })
    expect([item?.kind, others]).toEqual(['audio', []])
    expect(item?.inputs['mel']?.shape).toEqual([100, 80])
    // The channels cancel out: silence.
    expect([...new Set(item?.inputs['mel']?.data)]).toEqual([-1.5])
  })

  it.each<[what: string, samples: number, items: [frames: number, tokens: number][]]>([
    ['of 30 s in one piece', 480_159, [[3000, 188]]],
    [
      'of a frame more in two',
      480_160,
      [
        [3000, 188],
        [1, 1],
      ],
    ],
    [
      'of 47 s in two',
      752_000,
      [
        [3000, 188],
        [1700, 107],
      ],
    ],
    [
      'of 60 s in two',
      960_000,
      [
        [3000, 188],
        [3000, 188],
      ],
    ],
    [
      'of 61 s in three',
      976_000,
      [
        [3000, 188],
        [3000, 188],
        [100, 7],
      ],
    ],
  ])('takes a clip %s', (_, samples, expected) => {
    const items = prepareAudio(config, { rate: 16_000, channels: [new Float32Array(samples)] })
    expect(items.map(({ grid }) => grid)).toEqual(expected)
    expect(items.map(({ tokens }) => tokens)).toEqual(expected.map(([, tokens]) => tokens))
    expect(items.map(({ continues }) => continues)).toEqual(expected.map((_, i) => (i > 0 ? true : undefined)))
  })

  it('cuts the spectrogram of the whole clip: the loudest moment counts for all pieces', () => {
    const samples = Float32Array.from({ length: 32 * 16_000 }, (_, i) => Math.sin(i / 5) * (i < 16_000 ? 1 : 1e-6))
    const items = prepareAudio(config, { rate: 16_000, channels: [samples] })
    const whole = logMel(samples, 80)
    const joined = items.flatMap(({ inputs }) => [...(inputs['mel']?.data ?? [])])
    expect(joined).toEqual([...whole])
  })

  it.each<[what: string, seconds: number, rate: number, message: string]>([
    ['more than 600 s', 601, 1000, 'The clip is 601 s long; at most 600 s are taken. Cut it first.'],
    ['a rate that no sound has', 1, 500_000, 'The clip has a sampling rate of 500000 Hz; it must be from 1000 to 384000 Hz.'],
  ])('refuses %s', (_, seconds, rate, message) => {
    expect(() => prepareAudio(config, { rate, channels: [new Float32Array(seconds * rate)] })).toThrow(message)
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses samples of %s, in any channel', (value) => {
    const channels = [Float32Array.of(0, 0, 0), Float32Array.of(0, value, 0)]
    expect(() => prepareAudio(config, { rate: 16_000, channels })).toThrow('The clip has samples that are not finite')
  })
})

describe('expandPrompt', () => {
  it('puts runs in place of the placeholders and tokenizes the text between them piece by piece', () => {
    const { tokenIds, spans } = expandPrompt(config, 'a<|audio|>b<|audio|>', encode, { audio: [clip(2), clip(3)] })
    expect(tokenIds).toEqual([1, 97, 200, 200, 98, 200, 200, 200])
    expect(spans).toEqual([
      { kind: 'audio', item: 0, offset: 2, length: 2 },
      { kind: 'audio', item: 1, offset: 5, length: 3 },
    ])
  })

  it('writes the beginning even before a clip that comes first', () => {
    expect(expandPrompt(config, '<|audio|>', encode, { audio: [clip(1)] }).tokenIds).toEqual([1, 200])
  })

  it('takes ids with one placeholder per clip, or expanded', () => {
    const expected = [5, 200, 200, 6]
    expect(expandPrompt(config, [5, 200, 6], encode, { audio: [clip(2)] }).tokenIds).toEqual(expected)
    expect(expandPrompt(config, expected, encode, { audio: [clip(2)] }).tokenIds).toEqual(expected)
  })

  it('joins the pieces of a long clip: in text, with one placeholder in ids, and expanded', () => {
    const audio = [clip(2), clip(3), { ...clip(1), continues: true as const }, { ...clip(2), continues: true as const }, clip(1)]
    const expected = {
      tokenIds: [1, 200, 200, 97, ...new Array(6).fill(200), 98, 200],
      spans: [
        { kind: 'audio', item: 0, offset: 1, length: 2 },
        { kind: 'audio', item: 1, offset: 4, length: 3 },
        { kind: 'audio', item: 2, offset: 7, length: 1 },
        { kind: 'audio', item: 3, offset: 8, length: 2 },
        { kind: 'audio', item: 4, offset: 11, length: 1 },
      ],
    }
    expect(expandPrompt(config, '<|audio|>a<|audio|>b<|audio|>', encode, { audio })).toEqual(expected)
    expect(expandPrompt(config, [1, 200, 97, 200, 98, 200], encode, { audio })).toEqual(expected)
    expect(expandPrompt(config, expected.tokenIds, encode, { audio })).toEqual(expected)
  })

  it('takes another valid token where the vocabulary has none for runs', () => {
    const spelled = (text: string): number[] => [...text].map(() => 3)
    expect(expandPrompt(config, '<|audio|>', spelled, { audio: [clip(2)] }).tokenIds).toEqual([9, 9])
  })

  it.each([
    ['a<|audio|>', 0, 'The prompt has 1 audio placeholder(s) but multi_modal_data has 0 audio(s); give one <|audio|> per clip'],
    ['a', 1, 'The prompt has 0 audio placeholder(s) but multi_modal_data has 1 audio(s)'],
  ])('refuses %s with %s clips', (prompt, clips, message) => {
    const media = { audio: Array.from({ length: clips }, () => clip(1)) }
    expect(() => expandPrompt(config, prompt, encode, media)).toThrow(message)
  })
})

describe('prepareEmbeds', () => {
  const embeds = (shape: number[]) => ({
    audio_embeds: { data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i), shape },
  })

  it('takes one clip, or several of one length', () => {
    expect(prepareEmbeds(config, 'audio', embeds([2, 4])).map(({ tokens }) => tokens)).toEqual([2])
    const items = prepareEmbeds(config, 'audio', embeds([3, 2, 4]))
    expect(items.map(({ tokens, inputs }) => [tokens, inputs['embeds']?.data[0]])).toEqual([
      [2, 0],
      [2, 8],
      [2, 16],
    ])
  })

  it.each([[[8]], [[2, 5]], [[0, 4]], [[1, 1, 2, 4]]])('refuses the shape [%s]', (shape) => {
    expect(() => prepareEmbeds(config, 'audio', embeds(shape))).toThrow('expected [tokens, 4] or [clips, tokens, 4]')
  })

  it('refuses other names', () => {
    expect(() => prepareEmbeds(config, 'audio', { embeds: embeds([2, 4]).audio_embeds })).toThrow('need audio_embeds; got embeds')
  })
})
