import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { positionBuckets } from '../../../src/util/position-buckets.ts'

const { buckets } = JSON.parse(readFileSync(new URL('../../goldens/tables/navit_buckets.json', import.meta.url), 'utf8')) as {
  buckets: Record<string, Record<string, number[]>>
}

describe('positionBuckets', () => {
  for (const [rows, byCount] of Object.entries(buckets)) {
    it(`gives PyTorch’s rows of a table of ${rows} for every count of patches`, () => {
      for (const [count, expected] of Object.entries(byCount)) expect([...positionBuckets(Number(count), Number(rows))]).toEqual(expected)
    })
  }

  it('takes every row once when there are as many patches', () => {
    expect([...positionBuckets(70, 70)]).toEqual(Array.from({ length: 70 }, (_, i) => i))
  })

  it('repeats rows when there are more patches than rows', () => {
    expect([...positionBuckets(4, 2)]).toEqual([0, 0, 1, 1])
    expect(positionBuckets(300, 70).at(-1)).toBe(69)
  })

  it('puts some exact ties one row lower, as float32 does', () => {
    expect([5, 10, 15, 20].map((i) => positionBuckets(25, 70)[i])).toEqual([13, 27, 41, 55])
  })
})
