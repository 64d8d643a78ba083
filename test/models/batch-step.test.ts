import { describe, expect, it } from 'vitest'
import type { Step } from '../../src/gpu/step.ts'
import { batchStep, takesBatchStep } from '../../src/layers/batch-step.ts'
import { linear } from '../../src/layers/linear.ts'
import { decodeHidden } from '../../src/models/decoder.ts'
import { WeightPool } from '../bench/bench-gpu.ts'
import { randomBatch, randomModel, withAbilities } from '../bench/random-decoder.ts'
import { relativeError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'

const SHAPE = { name: 'small', layers: 2, hidden: 256, heads: 4, kvHeads: 2, headDim: 64, intermediate: 512, vocabulary: 1024 }
const CONTEXT = 40

/** A random decoder, and a batch of sequences that bring one token each. */
async function decoder(tokens: number, kvSplits: number) {
  const gpu = await testGpu()
  const pool = new WeightPool(gpu, 2 ** 24)
  const half = SHAPE.headDim / 2
  const table = [CONTEXT + 2, half]
  const fill = (value: number) => upload(gpu, 'f32', table, new Float32Array((CONTEXT + 2) * half).fill(value))
  const model = randomModel(gpu, pool, SHAPE)
  const batch = randomBatch(gpu, SHAPE, tokens, CONTEXT, kvSplits)
  const options = { ...SHAPE, cos: fill(0.8), sin: fill(0.6), sections: [half, 0, 0] as const, epsilon: 1e-6 }
  const config = {
    ...{ ...SHAPE, rmsNormEps: 1e-6, ropeTheta: 1e6, sections: options.sections, maxPositions: 4096 },
    ...{ tied: false, qkvBias: false, fused: false },
  }
  const plain = (step: Step) => {
    const way = withAbilities(step, { matrices: false, f16: false })
    return linear(way, decodeHidden(way, model, config, batch, { cos: options.cos, sin: options.sin }), model.head)
  }
  return { gpu, model, batch, options, plain }
}

describe('batch-step', () => {
  for (const [tokens, kvSplits] of [
    [5, 1],
    [16, 4],
    [19, 2],
  ] as const) {
    it(`gives the logits of the layers one by one, ${tokens} tokens, ${kvSplits} splits`, async ({ skip }) => {
      const { gpu, model, batch, options, plain } = await decoder(tokens, kvSplits)
      if (!gpu.abilities.matrices) return skip('no subgroup matrices')
      const [expected = []] = await runOnce(gpu, (step) => [plain(step)])
      const [actual = []] = await runOnce(gpu, (step) => {
        expect(takesBatchStep(step, model, batch, options)).toBe(true)
        return [batchStep(step, model, batch, options)]
      })
      // Activations and weights are rounded to f16 before each of eight products: 2^-11 of its size at most, and less where sums even it out.
      expect(relativeError(actual, expected)).toBeLessThan(8 * 2 ** -11)
    })
  }

  it('leaves other batches to others', async () => {
    const { gpu, model, batch, options } = await decoder(4, 1)
    await runOnce(gpu, (step) => {
      const able = withAbilities(step, { matrices: true, workgroupMemory: 49152, storageBuffers: 10 })
      const takes = (tokens: number, other: object = {}) => takesBatchStep({ ...able, ...other }, model, { ...batch, tokens }, options)
      expect([4, 5, 32, 33].map((tokens) => takes(tokens))).toEqual([false, true, true, false])
      expect(takes(8, { abilities: { ...able.abilities, matrices: false } })).toBe(false)
      expect(takesBatchStep(able, model, { ...batch, tokens: 8, decode: false }, options)).toBe(false)
      expect(takesBatchStep(able, { ...model, head: { ...model.head, format: 'f32' } }, { ...batch, tokens: 8 }, options)).toBe(false)
      return []
    })
  })
})
