import { describe, expect, it } from 'vitest'
import { logitPenalties } from '../../src/kernels/logit-penalties.ts'
import { logitPenalties as reference } from '../reference/logit-penalties.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats, randomInts } from '../support/random.ts'

const SHAPES: [rows: number, vocabulary: number][] = [
  [1, 10],
  [3, 256],
  [2, 1000],
  [1, 151_936],
]

describe('logit-penalties', () => {
  for (const [rows, vocabulary] of SHAPES) {
    it(`applies each row's own penalties, ${rows} × ${vocabulary}`, async () => {
      const gpu = await testGpu()
      const slots = Array.from({ length: rows }, (_, row) => (row + 1) % (rows + 1))
      const logits = randomFloats(1, rows * vocabulary, -8, 8)
      const counts = randomInts(2, (rows + 1) * vocabulary, 4)
      const inPrompt = randomInts(3, (rows + 1) * vocabulary, 2)
      const packed = counts.map((count, i) => ((inPrompt[i] ?? 0) << 31) | count)
      const rowParams = slots.map((_, row) => ({ repetition: 1 + row * 0.3, presence: 0.5 - row, frequency: 0.25 * row }))
      const sampling = rowParams.flatMap((p) => [1, 1, 0, 0, p.repetition, p.presence, p.frequency, 0])
      const [out] = await runOnce(gpu, (step) => [
        logitPenalties(step, upload(gpu, 'f32', [rows, vocabulary], logits), upload(gpu, 'f32', [rows, 8], sampling), {
          table: upload(gpu, 'u32', [rows + 1, vocabulary], packed),
          slot: upload(gpu, 'u32', [rows], slots),
        }),
      ])
      const expected = rowParams.flatMap((p, row) => {
        const slot = (slots[row] ?? 0) * vocabulary
        const prompt = Array.from(inPrompt.subarray(slot, slot + vocabulary), (bit) => bit === 1)
        return reference(
          [...logits.subarray(row * vocabulary, (row + 1) * vocabulary)],
          prompt,
          [...counts.subarray(slot, slot + vocabulary)],
          p,
        )
      })
      // Four roundings of values up to 16: 4 · 16 · 2⁻²⁴, and division may be off by 2.5 ulp.
      expect(maxError(out ?? [], expected)).toBeLessThan(1e-5)
    })
  }
})
