import { describe, expect, it } from 'vitest'
import { countTokens } from '../../src/kernels/count-tokens.ts'
import { countTokens as reference } from '../reference/count-tokens.ts'
import { download, runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomInts } from '../support/random.ts'

const CASES: [rows: number, vocabulary: number][] = [
  [1, 7],
  [16, 1152],
  [70, 151936],
]

describe('count-tokens', () => {
  for (const [rows, vocabulary] of CASES) {
    it(`adds each row's token to its slot, ${rows} rows, ${vocabulary} tokens`, async () => {
      const gpu = await testGpu()
      const sampled = randomInts(rows, rows, vocabulary)
      // Every third row has no slot; one has failed. A count may carry the mark of a prompt token.
      const slots = Uint32Array.from({ length: rows }, (_, row) => (row % 3 === 2 ? 0 : row + 1))
      sampled[rows - 1] = rows > 1 ? 0xffffffff : (sampled[0] ?? 0)
      const before = Uint32Array.from(randomInts(9, (rows + 1) * vocabulary, 3), (count, i) =>
        i % 5 === 0 ? (0x80000000 | count) >>> 0 : count,
      )
      const table = upload(gpu, 'u32', [rows + 1, vocabulary], before)
      const ids = upload(gpu, 'u32', [rows], sampled)
      const slot = upload(gpu, 'u32', [rows], slots)
      await runOnce(gpu, (step) => {
        countTokens(step, ids, { table, slot })
        return []
      })
      const after = await download(gpu, table)
      const expected = reference(before, sampled, slots, vocabulary)
      expect(after.findIndex((count, i) => count !== expected[i])).toBe(-1)
      expect(expected.some((count, i) => count !== before[i])).toBe(true)
    })
  }
})
