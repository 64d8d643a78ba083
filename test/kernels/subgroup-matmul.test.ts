import { describe, expect, it } from 'vitest'
import { MATRIX_TILES, subgroupMatmul, takesSubgroupMatmul } from '../../src/kernels/subgroup-matmul.ts'
import type { WeightFormat } from '../../src/layers/weights.ts'
import { decodeHalves, encodeHalves } from '../../src/util/half.ts'
import { type MatmulAnswer, matmulReference } from '../reference/matmul.ts'
import { siluMulReference } from '../reference/silu-mul.ts'
import { worstOf } from '../support/decode-case.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { packWeight } from '../support/pack-weight.ts'
import { randomFloats } from '../support/random.ts'

interface Shape {
  format: WeightFormat
  tokens: number
  rows: number
  cols: number
  bias?: boolean
  residual?: boolean
  activation?: 'gelu' | 'quick-gelu'
  gated?: boolean
}

// One token and few rows, tiles barely begun, tiles just full and one past full, in each format.
const SHAPES: Shape[] = [
  ...(['f16', 'q8', 'q4'] as const).flatMap((format) => [
    { format, tokens: 1, rows: 8, cols: 32 },
    { format, tokens: 9, rows: 64, cols: 64, bias: true },
    { format, tokens: 128, rows: 128, cols: 96, residual: true },
    { format, tokens: 129, rows: 136, cols: 160, bias: true, residual: true },
    { format, tokens: 70, rows: 272, cols: 64, bias: true, gated: true },
    { format, tokens: 3, rows: 16, cols: 32, gated: true },
  ]),
  { format: 'f16', tokens: 17, rows: 24, cols: 64, bias: true, residual: true, activation: 'gelu' },
  // Qwen2-VL-2B: keys and values of a 64-token prompt; a few rows of the vision tower's second MLP matrix, all of its 5120 columns.
  { format: 'q4', tokens: 64, rows: 512, cols: 1536, bias: true },
  { format: 'f16', tokens: 20, rows: 80, cols: 5120, bias: true, residual: true },
]

/** What is expected, and the sizes that errors are measured against. */
function expectedOf({ values, magnitudes }: MatmulAnswer, { tokens, rows, gated }: Shape, residual: Float32Array | undefined) {
  if (!gated) return { expected: values, sizes: magnitudes.map((size, i) => size + Math.abs(residual?.[i] ?? 0)) }
  const expected = siluMulReference(values, tokens, rows / 2, false)
  // Errors of one factor times the other; silu is no larger than its argument and nowhere steeper than 1.1.
  const sizes = expected.map((_, i) => {
    const at = Math.floor(i / (rows / 2)) * (rows / 2) + i
    return 1.1 * magnitudes[at]! * Math.abs(values[at + rows / 2]!) + Math.abs(values[at]!) * magnitudes[at + rows / 2]!
  })
  return { expected, sizes }
}

describe('subgroup-matmul', () => {
  for (const shape of SHAPES) {
    const { format, tokens, rows, cols, activation = 'none', gated = false, ...c } = shape
    const kinds = [...Object.keys(c), gated ? 'gated' : activation].join(' ')
    it(`equals the sum of products, ${format}, ${tokens} × ${cols} → ${rows}, ${kinds}`, async ({ skip }) => {
      const gpu = await testGpu()
      if (!takesSubgroupMatmul({ format, rows, cols }, gpu.abilities)) return skip('no subgroup matrices')
      const x = decodeHalves(encodeHalves(randomFloats(1, tokens * cols)))
      const bias = c.bias ? randomFloats(2, rows) : undefined
      const residual = c.residual ? randomFloats(3, tokens * rows) : undefined
      const { weight, values: w } = packWeight(gpu, format, rows, cols, randomFloats(4, rows * cols), bias)
      const { expected, sizes } = expectedOf(matmulReference({ x, w, tokens, rows, cols, bias, residual, activation }), shape, residual)
      for (const tile of MATRIX_TILES) {
        for (const stored of ['f32', 'f16'] as const) {
          const [out = []] = await runOnce(gpu, (step) => {
            const output = step.scratch(stored, [tokens, gated ? rows / 2 : rows])
            const tensors = { x: upload(gpu, 'f16', [tokens, cols], x), residual: residual && upload(gpu, 'f32', [tokens, rows], residual) }
            subgroupMatmul(step, { ...weight, ...tensors, tokens, activation, output }, tile, { gated })
            return [output]
          })
          // A level times its scale is rounded to f16; products are exact, and summed in f32. What is stored as f16 is rounded once more.
          const room = stored === 'f16' ? sizes.map((size) => 2 * size) : sizes
          expect(worstOf(out, expected, room, 2 ** -11 + cols * 2 ** -24), `${JSON.stringify(tile)} ${stored}`).toBeLessThan(1)
        }
      }
    })
  }
})
