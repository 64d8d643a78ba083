import { describe, expect, it } from 'vitest'
import { roundHalfEven } from '../../../src/util/round-half-even.ts'

describe('roundHalfEven', () => {
  it.each([
    [0.5, 0],
    [1.5, 2],
    [2.5, 2],
    [2.4999, 2],
    [2.5001, 3],
    [-0.6, -1],
    [-1.5, -2],
    [7, 7],
  ])('rounds %f to %i', (x, expected) => {
    expect(roundHalfEven(x)).toBe(expected)
  })
})
