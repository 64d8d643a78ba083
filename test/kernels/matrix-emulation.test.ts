import { describe, expect, it } from 'vitest'
import { batchHead } from '../../src/kernels/batch-head.ts'
import { subgroupMatmul } from '../../src/kernels/subgroup-matmul.ts'
import { visionFlash } from '../../src/kernels/vision-flash.ts'
import { decodeHalves, encodeHalves } from '../../src/util/half.ts'
import { matmulReference } from '../reference/matmul.ts'
import { rmsNormReference } from '../reference/rms-norm.ts'
import { visionAttention } from '../reference/vision-attention.ts'
import { maxError } from '../support/compare.ts'
import { allowedError, packActs, squaresInParts, worstOf } from '../support/decode-case.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { emulatingStep } from '../support/matrix-emulation.ts'
import { packWeight } from '../support/pack-weight.ts'
import { randomFloats } from '../support/random.ts'

// The logic of kernels with subgroup matrices, where there are none; where there are, the kernels' own tests run. Tolerances are theirs.
const has = async (): Promise<boolean> => (await testGpu()).abilities.matrices
const REAL = 'subgroup matrices are there'
// Compiling takes SwiftShader up to 20 s.
const LIMIT = 120_000

describe('kernels with subgroup matrices, emulated', () => {
  for (const format of ['f16', 'q8', 'q4'] as const) {
    it(
      `multiply tokens of several tiles, ${format}`,
      async ({ skip }) => {
        if (await has()) return skip(REAL)
        const gpu = await testGpu()
        const [tokens, rows, cols] = [130, 72, 96]
        const x = decodeHalves(encodeHalves(randomFloats(1, tokens * cols)))
        const residual = randomFloats(3, tokens * rows)
        const { weight, values: w } = packWeight(gpu, format, rows, cols, randomFloats(4, rows * cols))
        const [out = []] = await runOnce(gpu, (step) => {
          const output = step.scratch('f32', [tokens, rows])
          const tensors = { x: upload(gpu, 'f16', [tokens, cols], x), residual: upload(gpu, 'f32', [tokens, rows], residual) }
          subgroupMatmul(
            emulatingStep(step),
            { ...weight, ...tensors, tokens, activation: 'none', output },
            { subgroups: [1, 2], fragments: 2 },
          )
          return [output]
        })
        const { values, magnitudes } = matmulReference({ x, w, tokens, rows, cols, residual })
        const sizes = magnitudes.map((size, i) => size + Math.abs(residual[i] ?? 0))
        expect(worstOf(out, values, sizes, 2 ** -11 + cols * 2 ** -24)).toBeLessThan(1)
      },
      LIMIT,
    )

    it(
      `multiply few tokens, ${format}`,
      async ({ skip }) => {
        if (await has()) return skip(REAL)
        const gpu = await testGpu()
        const [tokens, rows, cols] = [19, 64, 384]
        const variant = { act: 'f16', subgroup: 32 } as const
        const x = randomFloats(1, tokens * cols, -2, 2)
        const norm = randomFloats(2, cols, 0.5, 1.5)
        const { weight, values: w } = packWeight(gpu, format, rows, cols, randomFloats(4, rows * cols))
        const scaled = x.map((value, i) => value * norm[i % cols]!)
        const { tensor: values } = packActs(gpu, scaled, cols, 'f16', variant)
        const squares = upload(gpu, 'f32', [tokens, 19], squaresInParts(x, cols, 19))
        const input = { values, squares, epsilon: 1e-6 }
        const [out = []] = await runOnce(gpu, (step) => [batchHead(emulatingStep(step), input, weight, { tiles: 2, splits: 2 })])
        const expected = matmulReference({ x: rmsNormReference(x, norm, tokens, cols, 1e-6), w, tokens, rows, cols })
        expect(worstOf(out, expected.values, expected.magnitudes, allowedError(cols, variant))).toBeLessThan(1)
      },
      LIMIT,
    )
  }

  it(
    'attend',
    async ({ skip }) => {
      if (await has()) return skip(REAL)
      const gpu = await testGpu()
      const shape = { rows: 2 * 45, heads: 2, headDim: 24, segment: 45 }
      const width = shape.heads * shape.headDim
      const roped = randomFloats(1, shape.rows * 2 * width, -2, 2)
      const qkv = randomFloats(2, shape.rows * 3 * width, -2, 2)
      const [out = []] = await runOnce(gpu, (step) => {
        const queryKeys = upload(gpu, 'f32', [shape.rows, 2 * width], roped)
        const values = upload(gpu, 'f32', [shape.rows, 3 * width], qkv)
        return [visionFlash(emulatingStep(step), queryKeys, values, shape, { keys: 32, subgroups: 2 })]
      })
      expect(maxError(out, visionAttention(roped, qkv, shape))).toBeLessThan(1e-2)
    },
    LIMIT,
  )
})
