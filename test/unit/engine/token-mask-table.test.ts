import { describe, expect, it } from 'vitest'
import { TokenMaskTable } from '../../../src/engine/token-mask-table.ts'
import { bytesIn, fakeGpu } from './fake-gpu.ts'

const ALL = 0xffffffff

describe('TokenMaskTable', () => {
  it('keeps a slot that allows everything, and puts masks behind it', () => {
    const table = new TokenMaskTable(fakeGpu(), 3, 70)
    expect(table.tensor.shape).toEqual([4, 3])
    const words = (): number[] => [...new Uint32Array(bytesIn(table.tensor).buffer)]
    table.write([Uint32Array.of(1, 2, 3), Uint32Array.of(4, 5, 6)])
    expect(words()).toEqual([ALL, ALL, ALL, 1, 2, 3, 4, 5, 6, 0, 0, 0])
    // One that ends early allows nothing past its end; one that is too long is cut.
    table.write([Uint32Array.of(7), Uint32Array.of(8, 9, 10, 11)])
    expect(words()).toEqual([ALL, ALL, ALL, 7, 0, 0, 8, 9, 10, 0, 0, 0])
  })
})
