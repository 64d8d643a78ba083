import { describe, expect, it } from 'vitest'
import { inverseFrequencies, ropeTable } from '../../../src/util/rope-table.ts'

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
