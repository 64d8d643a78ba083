import { describe, expect, it } from 'vitest'
import { decodeHalves, encodeHalves, fromHalf, toHalf } from '../../../src/util/half.ts'

describe('half', () => {
  it.each([
    ['zero', 0, 0x0000],
    ['minus zero', -0, 0x8000],
    ['one', 1, 0x3c00],
    ['minus two', -2, 0xc000],
    ['the largest', 65504, 0x7bff],
    ['just under the step to infinity', 65519, 0x7bff],
    ['the step to infinity', 65520, 0x7c00],
    ['minus infinity', Number.NEGATIVE_INFINITY, 0xfc00],
    ['not a number', Number.NaN, 0x7e00],
    ['the smallest normal', 2 ** -14, 0x0400],
    ['the smallest subnormal', 2 ** -24, 0x0001],
    ['half of that, a tie to even zero', 2 ** -25, 0x0000],
    ['one and a half of that, a tie to even two', 1.5 * 2 ** -24, 0x0002],
    ['a tie above one, to even', 1 + 2 ** -11, 0x3c00],
    ['the next tie, to even', 1 + 3 * 2 ** -11, 0x3c02],
    ['a third', 1 / 3, 0x3555],
  ])('encodes %s', (_name, value, bits) => {
    expect(toHalf(value)).toBe(bits)
  })

  it('gives back every one of the 63488 finite values', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((b) => (b & 0x7c00) !== 0x7c00)
    expect(bits).toHaveLength(63488)
    expect(encodeHalves(decodeHalves(bits))).toEqual(bits)
  })

  it('reads infinities and what is not a number', () => {
    expect(fromHalf(0x7c00)).toBe(Number.POSITIVE_INFINITY)
    expect(fromHalf(0xfc00)).toBe(Number.NEGATIVE_INFINITY)
    expect(fromHalf(0x7e01)).toBe(Number.NaN)
  })
})
