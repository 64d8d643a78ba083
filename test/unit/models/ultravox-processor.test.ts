import { describe, expect, it } from 'vitest'
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
    const { tokens: prepared, grid } = prepareAudio(config, { rate: 16_000, channels: [new Float32Array(seconds * 16_000)] })
    expect(prepared).toBe(tokens)
    expect(grid).toEqual([seconds * 100, tokens])
  })

  it('never promises more than the encoder’s rows make', () => {
    for (let samples = 1; samples < 12_000; samples += 97) {
      const { tokens, grid } = prepareAudio(config, { rate: 16_000, channels: [new Float32Array(samples)] })
      expect(tokens).toBeGreaterThan(0)
      expect(tokens).toBeLessThanOrEqual(Math.ceil(Math.ceil((grid[0] ?? 0) / 2) / 8))
    }
  })
})

describe('prepareAudio', () => {
  it('mixes, resamples and keeps the clip’s own length', () => {
    const channels = [new Float32Array(44_100).fill(0.5), new Float32Array(44_100).fill(-0.5)]
    const { kind, inputs } = prepareAudio(config, { rate: 44_100, channels })
    expect(kind).toBe('audio')
    expect(inputs['mel']?.shape).toEqual([100, 80])
    // The channels cancel out: silence.
    expect([...new Set(inputs['mel']?.data)]).toEqual([-1.5])
  })

  it('takes 30 s and not a frame more', () => {
    const sound = (samples: number) => ({ rate: 16_000, channels: [new Float32Array(samples)] })
    expect(prepareAudio(config, sound(480_159)).inputs['mel']?.shape).toEqual([3000, 80])
    expect(() => prepareAudio(config, sound(480_160))).toThrow('The clip is 30.0 s long; the model hears at most 30 s')
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
