import { describe, expect, it } from 'vitest'
import type { PlanRow } from '../../../src/engine/plan.ts'
import { bucket, layoutOf, packStep, samplePlaces, shapeOf } from '../../../src/engine/step-inputs.ts'
import { makeMedia, makeSequence, range, sampling } from './make-sequence.ts'

const NONE = 0xffffffff
const context = { mediaRows: () => ({ start: 100, length: 8 }), paddingRow: 9 }

const row = (init: Partial<PlanRow> & Pick<PlanRow, 'sequence'>): PlanRow => ({ start: 0, count: 1, samples: false, ...init })

/** The sections of a packed step by name. */
function pack(rows: readonly PlanRow[]) {
  const places = samplePlaces(rows)
  const shape = shapeOf(rows, places.length, 64)
  const words = packStep(rows, places, shape, context)
  const layout = layoutOf(shape)
  const part = (at: number, count: number): number[] => [...words.subarray(at, at + count)]
  return {
    shape,
    tokenIds: part(layout.tokenIds, shape.tokens),
    positions: [0, 1, 2].map((stream) => part(layout.positions + stream * shape.tokens, shape.tokens)),
    tokenSequence: part(layout.tokenSequence, shape.tokens),
    tokenSlot: part(layout.tokenSlot, shape.tokens),
    mediaRows: part(layout.mediaRows, shape.tokens),
    tiles: Array.from({ length: shape.tiles }, (_, i) => part(layout.tiles + 4 * i, 4)),
    sampleIndex: part(layout.sampleIndex, shape.sampleRows),
    outputIndex: part(layout.outputIndex, shape.sampleRows),
    forced: part(layout.forced, shape.sampleRows),
  }
}

describe('bucket', () => {
  it('has two rungs per doubling', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 9, 13, 33, 49, 100, 128].map(bucket)).toEqual([1, 2, 3, 4, 6, 6, 8, 12, 16, 48, 64, 128, 128])
  })
})

describe('packStep', () => {
  it('lays tokens of several sequences on one axis and pads it with tokens that go to the trash', () => {
    const first = makeSequence(range(20, 30))
    const second = makeSequence(range(5, 60))
    second.tokens.push(77)
    const packed = pack([row({ sequence: first, start: 16, count: 4, samples: true }), row({ sequence: second, start: 5, samples: true })])
    expect(packed.shape).toEqual({ tokens: 6, sequences: 2, sampleRows: 2, tiles: 2, decode: false })
    expect(packed.tokenIds).toEqual([46, 47, 48, 49, 77, 0])
    expect(packed.positions).toEqual([
      [16, 17, 18, 19, 5, 0],
      [16, 17, 18, 19, 5, 0],
      [16, 17, 18, 19, 5, 0],
    ])
    expect(packed.tokenSequence).toEqual([0, 0, 0, 0, 1, 9])
    expect(packed.tokenSlot).toEqual([16, 17, 18, 19, 5, 5])
    expect(packed.tiles).toEqual([
      [0, 4, 0, 16],
      [4, 1, 1, 5],
    ])
    expect(packed.sampleIndex).toEqual([3, 4])
    expect(packed.outputIndex).toEqual([0, 1])
    expect(packed.forced).toEqual([NONE, NONE])
  })

  it('cuts a sequence into tiles of 64 tokens and leaves unused tiles empty', () => {
    const { tiles } = pack([row({ sequence: makeSequence(range(150)), start: 8, count: 140 })])
    expect(tiles).toEqual([
      [0, 64, 0, 8],
      [64, 64, 0, 72],
      [128, 12, 0, 136],
    ])
    expect(
      pack([
        row({ sequence: makeSequence(range(270)), count: 256 }),
        row({ sequence: makeSequence(range(3)), samples: true, count: 3 }),
      ]).tiles.at(-1),
    ).toEqual([0, 0, 0, 0])
  })

  it('takes every stream’s own positions, and goes on from the prompt’s end with equal ones', () => {
    const sequence = makeSequence([1, 2, 3], { positions: Int32Array.from([0, 1, 1, 0, 1, 2, 0, 5, 6]), nextPosition: 7 })
    sequence.tokens.push(4, 5)
    const { positions } = pack([row({ sequence, start: 1, count: 4, samples: true })])
    expect(positions.map((stream) => stream.slice(0, 4))).toEqual([
      [1, 1, 7, 8],
      [1, 2, 7, 8],
      [5, 6, 7, 8],
    ])
  })

  it('points tokens under media at their rows in the encoder cache', () => {
    const sequence = makeSequence(range(12), { media: [makeMedia('cat', 4, 6)] })
    expect(pack([row({ sequence, start: 3, count: 8 })]).mediaRows).toEqual([NONE, 100, 101, 102, 103, 104, 105, NONE])
  })

  it('does not pad a step of one token per sequence', () => {
    const rows = range(5).map(() => row({ sequence: makeSequence(range(3)), start: 2, samples: true }))
    expect(pack(rows).shape).toEqual({ tokens: 5, sequences: 5, sampleRows: 5, tiles: 5, decode: true })
  })

  it('never makes a padded step look like one token per sequence', () => {
    for (let count = 2; count <= 40; count++) {
      const rows = [row({ sequence: makeSequence(range(50)), count }), row({ sequence: makeSequence(range(9)), start: 8, samples: true })]
      const { tokens, sequences } = shapeOf(rows, 1, 64)
      expect(tokens).toBeGreaterThan(sequences)
    }
  })

  it('asks for every prompt token’s log-probability, one place ahead, and samples after the last', () => {
    const sequence = makeSequence(range(6, 20), { sampling: sampling({ prompt_logprobs: 2 }) })
    expect(samplePlaces([row({ sequence, count: 4 })])).toEqual(range(4).map((i) => ({ row: 0, token: i, promptPlace: i + 1 })))
    const last = pack([row({ sequence, start: 4, count: 2, samples: true })])
    expect(last.sampleIndex).toEqual([0, 1])
    expect(last.forced).toEqual([25, NONE])
  })
})
