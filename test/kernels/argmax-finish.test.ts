import { describe, expect, it } from 'vitest'
import { argmaxFinish } from '../../src/kernels/argmax-finish.ts'
import { argmaxFinish as reference } from '../reference/argmax-finish.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

const SHAPES: [rows: number, chunks: number][] = [
  [1, 1],
  [2, 38],
  [3, 256],
  [16, 300],
]

describe('argmax-finish', () => {
  for (const [rows, chunks] of SHAPES) {
    it(`folds the chunks of each row, ${rows} × ${chunks}`, async () => {
      const gpu = await testGpu()
      const values = randomFloats(chunks, rows * chunks)
      const indices = Uint32Array.from(values, (_, i) => (i % chunks) * 4096 + (i % 7))
      const [tokens] = await runOnce(gpu, (step) => [
        argmaxFinish(step, upload(gpu, 'f32', [rows, chunks], values), upload(gpu, 'u32', [rows, chunks], indices)),
      ])
      expect(Array.from(tokens ?? [])).toEqual(reference(values, indices, rows, chunks))
    })
  }

  it('prefers the lower index and passes on a chunk that was not finite', async () => {
    const gpu = await testGpu()
    const values = upload(gpu, 'f32', [2, 3], [5, 5, 1, 1, 9, 2])
    const indices = upload(gpu, 'u32', [2, 3], [900, 12, 3, 4, 5, 0xffffffff])
    const [tokens] = await runOnce(gpu, (step) => [argmaxFinish(step, values, indices)])
    expect(Array.from(tokens ?? [])).toEqual([12, 0xffffffff])
  })
})
