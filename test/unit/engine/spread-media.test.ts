import { describe, expect, it } from 'vitest'
import { EncoderCache } from '../../../src/engine/encoder-cache.ts'
import { KvCache } from '../../../src/engine/kv-cache.ts'
import { Scheduler } from '../../../src/engine/scheduler.ts'
import type { SequenceMedia } from '../../../src/engine/sequence.ts'
import { layoutOf, packStep, samplePlaces, shapeOf } from '../../../src/engine/step-inputs.ts'
import { makeSequence, range } from './make-sequence.ts'

const NONE = 0xffffffff

/** One item of 8 rows: four of them at place 2, the other four, its rows from `second` on, at place 20. */
const spread = (key: string, second = 4): SequenceMedia[] => {
  const media = { kind: 'image', tokens: 8, grid: [1, 1, 1], inputs: {} } as const
  return [
    { key, offset: 2, length: 4, row: 0, media },
    { key, offset: 20, length: 4, row: second, media },
  ]
}

describe('an item whose rows stand in several places', () => {
  it('is encoded whole, once, and kept until its last place has been read', () => {
    const encoder = new EncoderCache(8)
    const scheduler = new Scheduler(new KvCache(100), encoder, { maxSequences: 4, maxTokens: 16, maxPromptRows: 64 })
    const sequence = makeSequence(range(40), { media: spread('cat') })
    scheduler.add(sequence)
    const first = scheduler.plan(1)
    expect(first?.encode.map(({ key, rows }) => [key, rows.length])).toEqual([['cat', 8]])
    scheduler.advance(sequence, 16)
    expect([...sequence.pins]).toEqual(['cat'])
    expect(scheduler.plan(1)?.encode).toEqual([])
    scheduler.advance(sequence, 16)
    expect([...sequence.pins]).toEqual([])
  })

  it('has each place read its own rows', () => {
    const rows = [{ sequence: makeSequence(range(30), { media: spread('cat') }), start: 0, count: 24, samples: false }]
    const places = samplePlaces(rows)
    const shape = shapeOf(rows, places.length, 64)
    const words = packStep(rows, places, shape, { mediaRows: () => ({ start: 100, length: 8 }), paddingRow: 9 })
    const at = layoutOf(shape).mediaRows
    const none = (count: number): number[] => Array(count).fill(NONE)
    const expected = [...none(2), 100, 101, 102, 103, ...none(14), 104, 105, 106, 107]
    expect([...words.subarray(at, at + 24)]).toEqual(expected)
  })

  it('shares cached beginnings only where the same rows stand in the same places', () => {
    const kv = new KvCache(100)
    const compute = (media: SequenceMedia[]): number => {
      const sequence = makeSequence(range(40), { media })
      const cached = kv.adopt(sequence)
      kv.reserve(sequence, 40)
      sequence.computed = 40
      kv.publish(sequence)
      return cached
    }
    compute(spread('cat'))
    expect(compute(spread('cat', 0))).toBe(16)
    expect(compute(spread('cat'))).toBe(32)
  })
})
