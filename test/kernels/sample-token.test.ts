import { describe, expect, it } from 'vitest'
import { sampleToken } from '../../src/kernels/sample-token.ts'
import { type SamplingRow, samplingDistribution } from '../reference/sample-token.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

/** Draws `draws` times from the same logits, one row per draw, each with the next output index. */
async function draw(logits: Float32Array, row: SamplingRow, draws: number, seed = 7): Promise<number[]> {
  const gpu = await testGpu()
  const repeated = new Float32Array(draws * logits.length)
  for (let i = 0; i < draws; i++) repeated.set(logits, i * logits.length)
  const sampling = Array.from({ length: draws }, () => [row.temperature, row.topP, row.topK, row.minP, 1, 0, 0, 0]).flat()
  const [tokens] = await runOnce(gpu, (step) => [
    sampleToken(
      step,
      upload(gpu, 'f32', [draws, logits.length], repeated),
      upload(gpu, 'f32', [draws, 8], sampling),
      upload(gpu, 'u32', [draws, 2], Array.from({ length: draws }, () => [seed, 99]).flat()),
      upload(
        gpu,
        'u32',
        [draws],
        Array.from({ length: draws }, (_, i) => i),
      ),
    ),
  ])
  return Array.from(tokens ?? [])
}

const ROWS: [name: string, row: SamplingRow][] = [
  ['plain', { temperature: 1, topP: 1, topK: 0, minP: 0 }],
  ['hot', { temperature: 2.5, topP: 1, topK: 0, minP: 0 }],
  ['top_k 3', { temperature: 1, topP: 1, topK: 3, minP: 0 }],
  ['top_k above the vocabulary', { temperature: 1, topP: 1, topK: 1000, minP: 0 }],
  ['top_p 0.7', { temperature: 1, topP: 0.7, topK: 0, minP: 0 }],
  ['top_p so small that one token is left', { temperature: 0.8, topP: 0.001, topK: 0, minP: 0 }],
  ['min_p 0.2', { temperature: 1, topP: 1, topK: 0, minP: 0.2 }],
  ['min_p, top_k and top_p together', { temperature: 1.3, topP: 0.8, topK: 6, minP: 0.05 }],
]

describe('sample-token', () => {
  for (const [name, row] of ROWS) {
    it(`draws what the distribution says: ${name}`, async () => {
      const logits = randomFloats(11, 40, -2, 2)
      const expected = samplingDistribution([...logits], row)
      const draws = 500
      const seen = new Array<number>(40).fill(0)
      for (const token of await draw(logits, row, draws)) seen[token] = (seen[token] ?? 0) + 1
      expected.forEach((p, token) => {
        if (p === 0) expect(seen[token]).toBe(0)
        // Five standard deviations of a binomial count; the draws are fixed by the seed, so this passes always or never.
        else expect(Math.abs((seen[token] ?? 0) - draws * p)).toBeLessThan(5 * Math.sqrt(draws * p * (1 - p)) + 1)
      })
    })
  }

  for (const vocabulary of [1, 255, 1000, 151_936]) {
    it(`is the arg-max at temperature 0 and for top_k 1, vocabulary ${vocabulary}`, async () => {
      const logits = randomFloats(vocabulary, vocabulary, -20, 20)
      const best = logits.reduce((top, x, i) => (x > (logits[top] ?? 0) ? i : top), 0)
      expect(await draw(logits, { temperature: 0, topP: 1, topK: 0, minP: 0 }, 1)).toEqual([best])
      expect(await draw(logits, { temperature: 1, topP: 1, topK: 1, minP: 0 }, 2)).toEqual([best, best])
    })
  }

  it('keeps every token tied with the k-th', async () => {
    const tokens = await draw(Float32Array.from([0, 3, 3, 3, -1]), { temperature: 1, topP: 1, topK: 2, minP: 0 }, 300)
    expect([...new Set(tokens)].sort()).toEqual([1, 2, 3])
  })

  it('gives the same draws for the same seed and others for another', async () => {
    const logits = randomFloats(5, 500)
    const row = { temperature: 1, topP: 1, topK: 0, minP: 0 }
    const first = await draw(logits, row, 20, 1)
    expect(await draw(logits, row, 20, 1)).toEqual(first)
    expect(await draw(logits, row, 20, 2)).not.toEqual(first)
  })

  it('reports a row that is not finite, at any temperature', async () => {
    const logits = Float32Array.from([1, Number.NaN, 3])
    expect(await draw(logits, { temperature: 1, topP: 1, topK: 0, minP: 0 }, 1)).toEqual([0xffffffff])
    expect(await draw(logits, { temperature: 0, topP: 1, topK: 0, minP: 0 }, 1)).toEqual([0xffffffff])
  })
})
