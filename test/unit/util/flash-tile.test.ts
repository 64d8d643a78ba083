import { describe, expect, it } from 'vitest'
import { flashTile } from '../../../src/util/flash-tile.ts'

describe('flashTile', () => {
  for (const rows of [16, 32]) {
    it(`stays within 16 KiB for every head size with ${rows} rows, and leaves room for keys, queries and weights`, () => {
      for (let headDim = 4; headDim <= 128; headDim += 4) {
        const { CHUNK, STAGED } = flashTile(headDim, rows)
        const keys = headDim / 2
        // Two vec4s of statistics per four rows stand beside what is staged.
        expect((STAGED + rows / 2) * 16).toBeLessThanOrEqual(16384)
        expect(STAGED).toBeGreaterThanOrEqual(keys * (CHUNK | 1) + rows * CHUNK)
        expect(STAGED).toBeGreaterThanOrEqual(keys * ((rows / 4) | 1))
        expect(CHUNK).toBeLessThanOrEqual(headDim / 4)
      }
    })
  }

  it('refuses heads that do not fit', () => {
    expect(() => flashTile(512, 32)).toThrow('512 dims')
  })
})
