import { type ResolvedSampling, resolveSampling } from '../../../src/engine/sampling.ts'
import { Sequence, type SequenceInit, type SequenceMedia } from '../../../src/engine/sequence.ts'
import type { SamplingParams } from '../../../src/protocol/sampling.ts'

export const END_TOKEN = 99

export function sampling(params: SamplingParams = {}): ResolvedSampling {
  return resolveSampling(params, {
    vocabulary: 100,
    endTokens: [END_TOKEN],
    generationConfig: undefined,
    defaultMaxTokens: undefined,
    defaultSeed: 1n,
  })
}

let serial = 0

/** A sequence with a text prompt, one position per token; anything can be set. */
export function makeSequence(promptTokens: readonly number[], init: Partial<SequenceInit> = {}): Sequence {
  const n = promptTokens.length
  const arrival = serial++
  return new Sequence({
    id: `s${arrival}`,
    index: 0,
    promptTokens,
    media: [],
    positions: Int32Array.from({ length: 3 * n }, (_, i) => i % n),
    nextPosition: n,
    sampling: sampling(),
    maxTokens: 16,
    priority: 0,
    arrival,
    cacheSalt: '',
    leader: undefined,
    ...init,
  })
}

export const range = (count: number, start = 0): number[] => Array.from({ length: count }, (_, i) => start + i)

export function makeMedia(key: string, offset: number, length: number): SequenceMedia {
  return { key, offset, length, media: { kind: 'image', tokens: length, grid: [1, 2, 2 * length], inputs: {} } }
}
