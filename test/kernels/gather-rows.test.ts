import { describe, expect, it } from 'vitest'
import { type Batch, NO_MEDIA_ROW } from '../../src/layers/batch.ts'
import { embed } from '../../src/layers/embedding.ts'
import { convertRows } from '../../src/weights/convert.ts'
import { gatherRowsReference } from '../reference/gather-rows.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { formats } from '../support/linear-case.ts'
import { packWeight } from '../support/pack-weight.ts'
import { randomFloats } from '../support/random.ts'

const NONE = NO_MEDIA_ROW

// One token; several, some from media; Qwen2-VL-2B's width, with the first and the last id.
const cases = [
  { rows: 5, cols: 32, ids: [3], mediaRows: [NONE] },
  { rows: 9, cols: 96, ids: [0, 8, 8, 100, 1, 2, 0], mediaRows: [NONE, NONE, NONE, 2, 0, NONE, 0] },
  { rows: 50, cols: 1536, ids: [49, 0, 17, 7], mediaRows: [NONE, NONE, 1, NONE] },
]

describe('gather-rows', () => {
  for (const format of formats) {
    for (const { rows, cols, ids, mediaRows } of cases) {
      it(`takes embeddings from an ${format} table or from media, ${ids.length} of ${rows} × ${cols}`, async () => {
        const gpu = await testGpu()
        const { weight, values } = packWeight(gpu, format, rows, cols, randomFloats(1, rows * cols))
        const media = randomFloats(2, 3 * cols)
        const batch = {
          tokens: ids.length,
          tokenIds: upload(gpu, 'u32', [ids.length], ids),
          mediaRows: upload(gpu, 'u32', [ids.length], mediaRows),
          media: upload(gpu, 'f32', [3, cols], media),
        }
        const [actual = []] = await runOnce(gpu, (step) => [embed(step, weight, batch as unknown as Batch)])
        const expected = gatherRowsReference(values, ids, mediaRows, media, cols)
        // A copy, or the exact product of a level of at most 8 bits and an f16 scale of 11, which f32 holds.
        expect(maxError(actual, expected)).toBe(0)
      })
    }
  }

  // Half a step of the format, of the largest value of its group: 11 bits, 127 steps; 4 bits with clipped ends are within a fifth.
  for (const [format, share] of [
    ['f16', 2 ** -11],
    ['q8', 0.51 / 127],
    ['q4', 0.2],
  ] as const) {
    it(`reads the ${format} table that the loader writes`, async () => {
      const gpu = await testGpu()
      const [rows, cols] = [6, 64]
      const source = randomFloats(1, rows * cols)
      const { data, scales } = convertRows(new Uint8Array(source.buffer), 'F32', cols, format)
      const words = (bytes: Uint8Array<ArrayBuffer>) => upload(gpu, 'u32', [bytes.length / 4], new Uint32Array(bytes.buffer))
      const table = { format, rows, cols, data: words(data), scales: scales && words(scales), bias: undefined }
      const batch = {
        tokens: rows,
        tokenIds: upload(gpu, 'u32', [rows], [0, 1, 2, 3, 4, 5]),
        mediaRows: upload(gpu, 'u32', [rows], new Array(rows).fill(NONE)),
        media: upload(gpu, 'f32', [1, cols], new Float32Array(cols)),
      }
      const [actual = []] = await runOnce(gpu, (step) => [embed(step, table, batch as unknown as Batch)])
      expect(maxError(actual, source)).toBeLessThan(share)
    })
  }

  it('reads the last row for an id past the table', async () => {
    const gpu = await testGpu()
    const { weight, values } = packWeight(gpu, 'f32', 3, 4, randomFloats(1, 12))
    const batch = {
      tokens: 1,
      tokenIds: upload(gpu, 'u32', [1], [4000000000]),
      mediaRows: upload(gpu, 'u32', [1], [NONE]),
      media: upload(gpu, 'f32', [1, 4], [0, 0, 0, 0]),
    }
    const [actual = []] = await runOnce(gpu, (step) => [embed(step, weight, batch as unknown as Batch)])
    expect(maxError(actual, values.slice(8))).toBe(0)
  })
})
