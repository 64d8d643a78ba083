import { describe, expect, it } from 'vitest'
import { kernelsBetween, kernelTable } from '../../../cli/kernel-table.ts'
import type { EngineStats } from '../../../src/index.ts'

const stats = (kernels?: EngineStats['kernels']): EngineStats => ({ ...(kernels && { kernels }) }) as EngineStats

describe('kernelTable', () => {
  it('has the slowest first, and all at the end', () => {
    const table = kernelTable({
      'rms-norm': { calls: 100, milliseconds: 1, bytes: 2_000_000 },
      'matvec-q4': { calls: 50, milliseconds: 3, bytes: 6e9 },
    })
    expect(table.split('\n').map((line) => line.split(/\s{2,}/))).toEqual([
      ['kernel', 'time', 'share', 'calls', 'each', 'bytes', 'GB/s'],
      ['matvec-q4', '3.00 ms', '75.0 %', '50', '60.0 µs', '6000 MB', '2000.0'],
      ['rms-norm', '1.00 ms', '25.0 %', '100', '10.0 µs', '2.0 MB', '2.0'],
      ['all', '4.00 ms', '100.0 %', '150', '26.7 µs', '6002 MB', '1500.5'],
    ])
  })

  it('tells no rates of kernels that took no time', () => {
    expect(kernelTable({ advance: { calls: 1, milliseconds: 0, bytes: 64 } })).toMatch(/advance +0\.00 ms +– % +1 +0\.0 µs +\S+ \S+ +–\n/)
  })
})

describe('kernelsBetween', () => {
  it('takes off what was before, and leaves out what did not run', () => {
    const before = stats({ a: { calls: 1, milliseconds: 2, bytes: 3 }, b: { calls: 4, milliseconds: 5, bytes: 6 } })
    const after = stats({
      a: { calls: 1, milliseconds: 2, bytes: 3 },
      b: { calls: 6, milliseconds: 7, bytes: 8 },
      c: { calls: 1, milliseconds: 1, bytes: 1 },
    })
    expect(kernelsBetween(before, after)).toEqual({
      b: { calls: 2, milliseconds: 2, bytes: 2 },
      c: { calls: 1, milliseconds: 1, bytes: 1 },
    })
    expect(kernelsBetween(stats(), stats())).toBe(undefined)
  })
})
