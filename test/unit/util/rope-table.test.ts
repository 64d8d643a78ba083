import { describe, expect, it } from 'vitest'
import { inverseFrequencies, longRopeTable, ropeTable } from '../../../src/util/rope-table.ts'

describe('inverseFrequencies', () => {
  it('falls from 1 towards 1/theta', () => {
    const frequencies = inverseFrequencies(8, 10_000)
    expect(frequencies.length).toBe(4)
    expect(frequencies[0]).toBe(1)
    expect(frequencies[1]).toBeCloseTo(0.1, 12)
    expect(frequencies[3]).toBeCloseTo(0.001, 12)
  })
})

describe('ropeTable', () => {
  it('holds the cosine and sine of position times frequency, rounded once', () => {
    const { cos, sin } = ropeTable([1, 0.25], 1001)
    expect(Array.from(cos.subarray(0, 2))).toEqual([1, 1])
    expect(Array.from(sin.subarray(0, 2))).toEqual([0, 0])
    expect(cos[2000]).toBe(Math.fround(Math.cos(1000)))
    expect(sin[2001]).toBe(Math.fround(Math.sin(250)))
    expect(cos.length).toBe(2002)
  })
})

describe('longRopeTable', () => {
  const rope = { shortFactors: [1, 2], longFactors: [4, 8], originalMax: 16, extendedMax: 256 }
  const scale = Math.sqrt(1 + Math.log(16) / Math.log(16))

  it('holds the short factors’ rows up to the original context, and then the long factors’ from 0 on', () => {
    const { cos, sin, rows } = longRopeTable(Float64Array.of(1, 0.5), rope, 40)
    expect([rows, cos.length, sin.length]).toEqual([56, 112, 112])
    expect(cos[2 * 15 + 1]).toBe(Math.fround(scale * Math.cos((15 * 0.5) / 2)))
    expect(sin[2 * (16 + 39)]).toBe(Math.fround(scale * Math.sin(39 / 4)))
    expect([cos[32], sin[32]]).toEqual([Math.fround(scale), 0])
  })

  it('has no long rows where no sequence is long', () => {
    expect(longRopeTable(Float64Array.of(1, 0.5), rope, 16)).toMatchObject({ rows: 16 })
    expect(longRopeTable(Float64Array.of(1, 0.5), rope, 10).cos.length).toBe(20)
  })

  it('scales as Phi-3.5-vision does, and not at all where nothing is extended', () => {
    const released = { ...rope, originalMax: 4096, extendedMax: 131072 }
    expect(longRopeTable(Float64Array.of(1), released, 1).cos[0]).toBeCloseTo(1.1902380714, 7)
    expect(longRopeTable(Float64Array.of(1), { ...rope, extendedMax: 16 }, 1).cos[0]).toBe(1)
  })
})
