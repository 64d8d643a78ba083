import { describe, expect, it } from 'vitest'
import { orientationOf, orientImage } from '../../../src/media/orient.ts'

// a b c
// d e f
const image = { width: 3, height: 2, data: Uint8Array.from('abcdef', (letter) => letter.charCodeAt(0)).reduce(tripled, new Uint8Array(18)) }

function tripled(all: Uint8Array, code: number, i: number): Uint8Array {
  return all.fill(code, i * 3, i * 3 + 3)
}

const rows = ({ width, height, data }: { width: number; height: number; data: ArrayLike<number> }) =>
  Array.from({ length: height }, (_, y) =>
    String.fromCharCode(...Array.from({ length: width }, (_, x) => data[(y * width + x) * 3 + 1] ?? 0)),
  )

describe('orientImage', () => {
  it.each([
    [1, ['abc', 'def']],
    [2, ['cba', 'fed']],
    [3, ['fed', 'cba']],
    [4, ['def', 'abc']],
    [5, ['ad', 'be', 'cf']],
    [6, ['da', 'eb', 'fc']],
    [7, ['fc', 'eb', 'da']],
    [8, ['cf', 'be', 'ad']],
  ])('turns orientation %s upright', (orientation, expected) => {
    expect(rows(orientImage(image, orientation))).toEqual(expected)
  })
})

describe('orientationOf', () => {
  it.each([
    [0, false, 1],
    [90, false, 6],
    [180, false, 3],
    [270, false, 8],
    [0, true, 2],
    [180, true, 4],
  ])('reads a turn of %s degrees, mirrored %s, as %s', (rotation, flip, orientation) => {
    expect(orientationOf(rotation, flip)).toBe(orientation)
  })
})
