import { describe, expect, it } from 'vitest'
import { argmaxChunks } from '../../src/kernels/argmax-chunks.ts'
import { argmaxChunks as reference } from '../reference/argmax-chunks.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

const SHAPES: [rows: number, vocabulary: number][] = [
  [1, 1],
  [1, 100],
  [3, 4096],
  [2, 4097],
  [5, 10_001],
  [1, 151_936],
]

describe('argmax-chunks', () => {
  for (const [rows, vocabulary] of SHAPES) {
    it(`finds the largest of every chunk, ${rows} × ${vocabulary}`, async () => {
      const gpu = await testGpu()
      const values = randomFloats(vocabulary, rows * vocabulary, -30, 5)
      const logits = upload(gpu, 'f32', [rows, vocabulary], values)
      const [best, at] = await runOnce(gpu, (step) => {
        const found = argmaxChunks(step, logits)
        return [found.values, found.indices]
      })
      const expected = reference(values, rows, vocabulary, 4096)
      expect(Array.from(best ?? [])).toEqual(expected.values)
      expect(Array.from(at ?? [])).toEqual(expected.indices)
    })
  }

  it('takes the lower index of equal values', async () => {
    const gpu = await testGpu()
    const values = new Float32Array(1000).fill(-2)
    values[70] = values[600] = values[999] = 3
    const [, at] = await runOnce(gpu, (step) => {
      const found = argmaxChunks(step, upload(gpu, 'f32', [1, 1000], values))
      return [found.values, found.indices]
    })
    expect(Array.from(at ?? [])).toEqual([70])
  })

  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    it(`reports a row that holds ${bad} and no other`, async () => {
      const gpu = await testGpu()
      const values = randomFloats(7, 2 * 500)
      values[321] = bad
      const [, at] = await runOnce(gpu, (step) => {
        const found = argmaxChunks(step, upload(gpu, 'f32', [2, 500], values))
        return [found.values, found.indices]
      })
      expect(at?.[0]).toBe(0xffffffff)
      expect(at?.[1]).toBe(reference(values.subarray(500), 1, 500, 4096).indices[0])
    })
  }
})
