import { describe, expect, it } from 'vitest'
import { flashTile } from '../../../src/util/flash-tile.ts'

describe('flashTile', () => {
  for (const rows of [16, 32]) {
    it(`stays within 16 KiB for every head size with ${rows} rows, and leaves room for keys, queries and weights`, () => {
      for (let headDim = 4; headDim <= 128; headDim += 4) {
        const { CHUNK, QUERY_STRIDE, QUERIES, STAGED } = flashTile(headDim, rows)
        const keys = 4 * Math.ceil(headDim / 8)
        expect((STAGED + rows / 2) * 16).toBeLessThanOrEqual(16384)
        expect(QUERIES).toBeGreaterThanOrEqual(keys * (CHUNK | 1))
        expect(QUERIES).toBeGreaterThanOrEqual(keys * ((rows / 4) | 1))
        expect(STAGED).toBe(QUERIES + rows * QUERY_STRIDE)
        expect([CHUNK, headDim / 4]).toContain(QUERY_STRIDE)
      }
    })
  }

  it('refuses heads that do not fit', () => {
    expect(() => flashTile(512, 32)).toThrow('512 dims')
  })
})
