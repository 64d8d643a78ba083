import { describe, expect, it } from 'vitest'
import { sha256Hex } from '../../../src/util/sha256.ts'
import { CONVERSION, convertRows } from '../../../src/weights/convert.ts'
import { planBlocks, rangesOf } from '../../../src/weights/weight-blocks.ts'
import { randomFloats } from '../../support/random.ts'

const tensor = (name: string, bytes: number, rowBytes = 8) => ({ name, bytes, rowBytes, rowData: rowBytes / 2, rowScales: rowBytes / 4 })

describe('planBlocks', () => {
  it('cuts tensors between rows and gathers them, data and scales after each other', () => {
    const blocks = planBlocks([tensor('a', 20), tensor('b', 8), tensor('c', 40)], 16, 15)
    expect(blocks).toEqual([
      {
        bytes: 15,
        pieces: [
          { name: 'a', offset: 0, length: 16, at: 0, data: 8, scales: 4, block: 0 },
          { name: 'a', offset: 16, length: 4, at: 12, data: 2, scales: 1, block: 0 },
        ],
      },
      {
        bytes: 18,
        pieces: [
          { name: 'b', offset: 0, length: 8, at: 0, data: 4, scales: 2, block: 1 },
          { name: 'c', offset: 0, length: 16, at: 6, data: 8, scales: 4, block: 1 },
        ],
      },
      {
        bytes: 18,
        pieces: [
          { name: 'c', offset: 16, length: 16, at: 0, data: 8, scales: 4, block: 2 },
          { name: 'c', offset: 32, length: 8, at: 12, data: 4, scales: 2, block: 2 },
        ],
      },
    ])
  })

  it('covers every byte of every tensor once, whatever the sizes', () => {
    for (const chunk of [1, 8, 9, 100, 1000]) {
      const tensors = [tensor('a', 360, 24), tensor('none', 0), tensor('b', 8), tensor('c', 2000, 40)]
      const pieces = planBlocks(tensors, chunk, 64).flatMap((block) => block.pieces)
      for (const { name, bytes } of tensors) {
        let end = 0
        for (const { offset, length } of pieces.filter((piece) => piece.name === name)) {
          expect(offset).toBe(end)
          end += length
        }
        expect(end).toBe(bytes)
      }
    }
  })

  it('gives no block for nothing', () => {
    expect(planBlocks([], 8)).toEqual([])
  })
})

describe('rangesOf', () => {
  it('gives the bytes from the first to the last piece of each tensor', () => {
    const blocks = planBlocks([tensor('a', 20), tensor('b', 8), tensor('c', 40)], 16, 15)
    expect(rangesOf(blocks, [])).toEqual(new Map())
    expect(rangesOf(blocks, [2])).toEqual(new Map([['c', { begin: 16, end: 40 }]]))
    expect(rangesOf(blocks, [0, 1])).toEqual(
      new Map([
        ['a', { begin: 0, end: 20 }],
        ['b', { begin: 0, end: 8 }],
        ['c', { begin: 0, end: 16 }],
      ]),
    )
  })
})

describe('what conversion gives', () => {
  // If this fails, converted weights that browsers keep are no longer what a load would make: raise CONVERSION, and set the sum here.
  it('is what its number says', async () => {
    const bytes = new Uint8Array(randomFloats(5, 4 * 64).buffer)
    const made = (['f32', 'f16', 'q8', 'q4'] as const).flatMap((format) => {
      const { data, scales } = convertRows(bytes, 'F32', 64, format)
      return [...data, ...(scales ?? [])]
    })
    expect([CONVERSION, (await sha256Hex(Uint8Array.from(made))).slice(0, 16)]).toEqual([1, 'fbc951a56c9cc131'])
  })
})
