import { describe, expect, it } from 'vitest'
import { decodeEmbed } from '../../src/kernels/decode-embed.ts'
import { gatherRowsReference } from '../reference/gather-rows.ts'
import { maxError } from '../support/compare.ts'
import { decodeVariants, unpackActs, worstOf } from '../support/decode-case.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { formats } from '../support/linear-case.ts'
import { packWeight } from '../support/pack-weight.ts'
import { randomFloats } from '../support/random.ts'

const NONE = 0xffffffff

// One token; several, some from media; Qwen2-VL-2B's width, with the first and the last id.
const CASES = [
  { rows: 5, cols: 32, ids: [3], mediaRows: [NONE] },
  { rows: 9, cols: 96, ids: [0, 8, 8, 100, 1, 2, 0], mediaRows: [NONE, NONE, NONE, 2, 0, NONE, 0] },
  { rows: 50, cols: 1536, ids: [49, 0, 17, 7], mediaRows: [NONE, NONE, 1, NONE] },
]

describe('decode-embed', () => {
  for (const format of formats) {
    for (const { rows, cols, ids, mediaRows } of CASES) {
      it(`takes embeddings from an ${format} table or from media, and prepares the first product, ${ids.length} of ${rows} × ${cols}`, async () => {
        const gpu = await testGpu()
        const tokens = ids.length
        const { weight, values } = packWeight(gpu, format, rows, cols, randomFloats(1, rows * cols))
        const media = randomFloats(2, 3 * cols)
        const norm = randomFloats(3, cols, 0.5, 1.5)
        const expected = gatherRowsReference(values, ids, mediaRows, media, cols)
        for (const variant of await decodeVariants()) {
          const next = variant.act === 'f16' ? 'f16' : format
          const [x = [], acts = [], squares = []] = await runOnce(gpu, (step) => {
            const batch = {
              tokenIds: upload(gpu, 'u32', [tokens], ids),
              mediaRows: upload(gpu, 'u32', [tokens], mediaRows),
              media: upload(gpu, 'f32', [3, cols], media),
            }
            const found = decodeEmbed(step, weight, batch, { norm: upload(gpu, 'f32', [cols], norm), format: next }, variant)
            return [found.x, found.acts.values, found.acts.squares!]
          })
          // A copy, or the exact product of a level of at most 8 bits and an f16 scale of 11, which f32 holds.
          expect(maxError(x, expected)).toBe(0)
          const scaled = expected.map((value, i) => value * norm[i % cols]!)
          // One rounding, to either neighbour; f16 below 2^-14, stored as 1/128, has units of 2^-24.
          const rounding = variant.act === 'f16' ? 2 ** -10 : 2 ** -23
          expect(
            worstOf(
              unpackActs(acts, cols, next, variant),
              scaled,
              scaled.map((value) => Math.abs(value) + 2 ** -6),
              rounding,
            ),
          ).toBeLessThan(1)
          for (let t = 0; t < tokens; t++) {
            const sum = expected.slice(t * cols, (t + 1) * cols).reduce((total, value) => total + value * value, 0)
            expect(Math.abs((squares[t] ?? Number.NaN) - sum) / sum).toBeLessThan(1e-5)
          }
        }
      })
    }
  }
})
