import { describe, expect, it } from 'vitest'
import { decodeHead } from '../../src/kernels/decode-head.ts'
import { decodeVariants, packActs, variantName } from '../support/decode-case.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { headError } from '../support/head-case.ts'
import type { NormedCase } from '../support/normed-case.ts'
import { packWeight } from '../support/pack-weight.ts'

const EPSILON = 1e-5

const SHAPES: Omit<NormedCase, 'epsilon'>[] = [
  { format: 'f32', tokens: 1, rows: 1, cols: 4, parts: 1 },
  { format: 'f16', tokens: 1, rows: 9, cols: 40, parts: 3 },
  { format: 'q8', tokens: 2, rows: 17, cols: 160, parts: 40, bias: true },
  { format: 'q4', tokens: 3, rows: 33, cols: 1056, parts: 200 },
  { format: 'q4', tokens: 16, rows: 70, cols: 96, parts: 5 },
  // More tokens than share one reading; many rows, which change the team.
  { format: 'q8', tokens: 19, rows: 12, cols: 64, parts: 2 },
  { format: 'q8', tokens: 1, rows: 4099, cols: 64, parts: 7 },
  { format: 'f16', tokens: 1, rows: 5000, cols: 64, parts: 7 },
  // Some rows of Qwen2-VL-2B's head.
  { format: 'q8', tokens: 1, rows: 300, cols: 1536, parts: 192 },
]

describe('decode-head', () => {
  for (const shape of SHAPES) {
    const { format, tokens, rows, cols, parts } = shape
    it(`equals the product with the norm, ${format}, ${tokens} × ${cols} → ${rows}, squares in ${parts}`, async () => {
      for (const variant of await decodeVariants()) {
        if (variant.act === 'f16' && format === 'f32') continue
        const worst = await headError({ ...shape, epsilon: EPSILON }, variant, (step, input, weight) =>
          decodeHead(step, input, weight, EPSILON, variant),
        )
        expect(worst, variantName(variant)).toBeLessThan(1)
      }
    })
  }

  it('stays finite however large the input is', async () => {
    const gpu = await testGpu()
    const [rows, cols] = [8, 64]
    const { weight } = packWeight(gpu, 'q4', rows, cols, new Float32Array(rows * cols).fill(-1))
    for (const variant of await decodeVariants()) {
      const x = new Float32Array(cols).fill(1e6)
      const { tensor: values } = packActs(gpu, variant.act === 'f16' ? x.fill(511 * 128) : x, cols, 'q4', variant)
      const squares = upload(gpu, 'f32', [1, 1], [cols * 1e12])
      const [out = []] = await runOnce(gpu, (step) => [decodeHead(step, { values, squares }, weight, EPSILON, variant)])
      expect(Array.from(out).every(Number.isFinite), variantName(variant)).toBe(true)
    }
  })
})
