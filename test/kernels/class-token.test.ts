import { describe, expect, it } from 'vitest'
import { classToken } from '../../src/kernels/class-token.ts'
import { classToken as reference } from '../reference/class-token.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// One patch; fewer values than threads; several pictures; CLIP ViT-L/14-336.
const SHAPES = [
  { pictures: 1, patches: 1, width: 4 },
  { pictures: 1, patches: 16, width: 32 },
  { pictures: 3, patches: 4, width: 20 },
  { pictures: 2, patches: 576, width: 1024 },
]

describe('class-token', () => {
  for (const shape of SHAPES) {
    const { pictures, patches, width } = shape
    it(`stands before ${patches} patches of ${width} values in ${pictures} pictures`, async () => {
      const gpu = await testGpu()
      const x = randomFloats(1, pictures * patches * width)
      const token = randomFloats(2, width)
      const positions = randomFloats(3, (patches + 1) * width)
      const [out] = await runOnce(gpu, (step) => [
        classToken(
          step,
          upload(gpu, 'f32', [pictures * patches, width], x),
          upload(gpu, 'f32', [width], token),
          upload(gpu, 'f32', [patches + 1, width], positions),
        ),
      ])
      // One f32 addition of values in −1…1: half a unit in the last place of numbers below 2.
      expect(maxError(out ?? [], reference(x, token, positions, shape))).toBeLessThan(1.2e-7)
    })
  }

  it('refuses rows that are no whole pictures', async () => {
    const gpu = await testGpu()
    const zeros = (shape: number[]) => upload(gpu, 'f32', shape, new Float32Array(shape.reduce((product, size) => product * size, 1)))
    const work = runOnce(gpu, (step) => [classToken(step, zeros([5, 4]), zeros([4]), zeros([4, 4]))])
    await expect(work).rejects.toThrow('5 rows, which are no whole pictures of 3')
  })
})
