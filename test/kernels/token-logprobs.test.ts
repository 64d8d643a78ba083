import { describe, expect, it } from 'vitest'
import { tokenLogprobs } from '../../src/kernels/token-logprobs.ts'
import { tokenLogprobs as reference } from '../reference/token-logprobs.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

const NONE = 0xffffffff
const SHAPES: [rows: number, vocabulary: number, top: number][] = [
  [1, 20, 20],
  [1, 100, 0],
  [3, 257, 5],
  [2, 1152, 1],
  [1, 151_936, 5],
]

describe('token-logprobs', () => {
  for (const [rows, vocabulary, top] of SHAPES) {
    it(`ranks and normalises, ${rows} × ${vocabulary}, top ${top}`, async () => {
      const gpu = await testGpu()
      const logits = randomFloats(vocabulary + top, rows * vocabulary, -15, 15)
      const chosen = Array.from({ length: rows }, (_, row) => (row * 7919 + 3) % vocabulary)
      const [topIds, topLogprobs, logprob, rank] = await runOnce(gpu, (step) => {
        const out = tokenLogprobs(
          step,
          upload(gpu, 'f32', [rows, vocabulary], logits),
          upload(gpu, 'u32', [rows], chosen),
          upload(gpu, 'u32', [rows], new Array(rows).fill(NONE)),
          top,
        )
        return [out.topIds, out.topLogprobs, out.chosenLogprob, out.chosenRank]
      })
      const expected = chosen.map((id, row) => reference([...logits.subarray(row * vocabulary, (row + 1) * vocabulary)], id, top))
      // exp and log within a few ulp, a sum of positive terms in a tree: well under 1e-5 for values up to 40.
      expect(
        maxError(
          logprob ?? [],
          expected.map((row) => row.chosenLogprob),
        ),
      ).toBeLessThan(2e-5)
      expect(Array.from(rank ?? [])).toEqual(expected.map((row) => row.chosenRank))
      if (top > 0) {
        expect(Array.from(topIds ?? [])).toEqual(expected.flatMap((row) => row.topIds))
        expect(
          maxError(
            topLogprobs ?? [],
            expected.flatMap((row) => row.topLogprobs),
          ),
        ).toBeLessThan(2e-5)
      }
    })
  }

  it('takes a forced token in place of the chosen one, and lists tied tokens by id', async () => {
    const gpu = await testGpu()
    const values = [1, 2, 2, 0, 1, 2, 2, 0]
    const [topIds, , logprob, rank] = await runOnce(gpu, (step) => {
      const ids = (list: number[]) => upload(gpu, 'u32', [2], list)
      const out = tokenLogprobs(step, upload(gpu, 'f32', [2, 4], values), ids([0, 0]), ids([3, NONE]), 3)
      return [out.topIds, out.topLogprobs, out.chosenLogprob, out.chosenRank]
    })
    expect(Array.from(topIds ?? [])).toEqual([1, 2, 0, 1, 2, 0])
    expect(Array.from(rank ?? [])).toEqual([4, 3])
    expect((logprob?.[1] ?? 0) - (logprob?.[0] ?? 0)).toBeCloseTo(1, 5)
  })
})
