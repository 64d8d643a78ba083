import { describe, expect, it } from 'vitest'
import { KvCache } from '../../../src/engine/kv-cache.ts'
import type { Sequence } from '../../../src/engine/sequence.ts'
import { makeMedia, makeSequence, range } from './make-sequence.ts'

/** Computes a whole sequence: takes blocks and publishes them. */
function compute(kv: KvCache, sequence: Sequence): number {
  const cached = kv.adopt(sequence)
  expect(kv.reserve(sequence, sequence.tokens.length)).toBe(true)
  sequence.computed = sequence.tokens.length
  kv.publish(sequence)
  return cached
}

describe('KvCache', () => {
  it('never gives out the trash block', () => {
    const kv = new KvCache(5)
    const sequence = makeSequence(range(64))
    expect(kv.reserve(sequence, 64)).toBe(true)
    expect(sequence.blocks.toSorted()).toEqual([1, 2, 3, 4])
    expect(kv.freeCount).toBe(0)
  })

  it('changes nothing when there are too few blocks', () => {
    const kv = new KvCache(4)
    const sequence = makeSequence(range(64))
    expect(kv.reserve(sequence, 64)).toBe(false)
    expect(sequence.blocks).toEqual([])
    expect(kv.freeCount).toBe(3)
  })

  it('lets a second sequence take over the full blocks of an equal beginning', () => {
    const kv = new KvCache(20)
    const first = makeSequence([...range(40), 7])
    const second = makeSequence([...range(40), 8])
    expect(compute(kv, first)).toBe(0)
    expect(compute(kv, second)).toBe(32)
    expect(second.blocks.slice(0, 2)).toEqual(first.blocks.slice(0, 2))
    expect(second.blocks[2]).not.toBe(first.blocks[2])
    expect(kv.referencesOf(first.blocks[0] as number)).toBe(2)
  })

  it('takes nothing over once it has forgotten, and leaves pages in use with their holders', () => {
    const kv = new KvCache(20)
    const [gone, held] = [makeSequence(range(40)), makeSequence(range(32, 7))]
    compute(kv, gone)
    kv.release(gone)
    compute(kv, held)
    kv.forget()
    expect(kv.usedCount).toBe(held.blocks.length)
    expect(compute(kv, makeSequence(range(40)))).toBe(0)
    expect(compute(kv, makeSequence(range(32, 7)))).toBe(0)
    kv.release(held)
    expect(kv.usedCount).toBe(5)
  })

  it('always leaves a token to compute', () => {
    const kv = new KvCache(20)
    compute(kv, makeSequence(range(32)))
    expect(compute(kv, makeSequence(range(32)))).toBe(16)
    expect(compute(kv, makeSequence(range(33)))).toBe(32)
  })

  it('tells beginnings apart by salt, by media and by where the media stand', () => {
    const cases: [string, Parameters<typeof makeSequence>[1], number][] = [
      ['the same', {}, 32],
      ['another salt', { cacheSalt: 'mine' }, 0],
      ['a picture under the second block', { media: [makeMedia('cat', 20, 8)] }, 16],
      ['a picture behind the full blocks', { media: [makeMedia('cat', 33, 4)] }, 32],
    ]
    for (const [name, init, expected] of cases) {
      const kv = new KvCache(20)
      compute(kv, makeSequence(range(40)))
      expect([name, compute(kv, makeSequence(range(40), init))]).toEqual([name, expected])
    }
    const kv = new KvCache(20)
    compute(kv, makeSequence(range(40), { media: [makeMedia('cat', 4, 20)] }))
    expect(compute(kv, makeSequence(range(40), { media: [makeMedia('dog', 4, 20)] }))).toBe(0)
    expect(compute(kv, makeSequence(range(40), { media: [makeMedia('cat', 5, 20)] }))).toBe(0)
    expect(compute(kv, makeSequence(range(40), { media: [makeMedia('cat', 4, 20)] }))).toBe(32)
  })

  it('cannot be led astray by salts and keys that look like other keys', () => {
    const kv = new KvCache(20)
    compute(kv, makeSequence(range(40), { cacheSalt: '' }))
    expect(compute(kv, makeSequence(range(40), { cacheSalt: `"|${range(16).join()}` }))).toBe(0)
  })

  it('keeps blocks that nobody holds until their room is wanted, oldest first and ends before beginnings', () => {
    const kv = new KvCache(7)
    const old = makeSequence(range(33))
    const young = makeSequence(range(33, 50))
    compute(kv, old)
    compute(kv, young)
    kv.release(old)
    kv.release(young)
    expect(kv.freeCount).toBe(6)
    // Two partial blocks are blank; the third block of this one costs the end of the older prefix.
    const other = makeSequence(range(40, 100))
    expect(kv.reserve(other, 40)).toBe(true)
    expect(kv.adopt(makeSequence(range(33)))).toBe(16)
    expect(kv.adopt(makeSequence(range(33, 50)))).toBe(32)
  })

  it('gives a prefix a new life when it is taken over after release', () => {
    const kv = new KvCache(8)
    const first = makeSequence(range(40))
    compute(kv, first)
    const blocks = [...first.blocks]
    kv.release(first)
    const second = makeSequence(range(40))
    expect(compute(kv, second)).toBe(32)
    expect(second.blocks.slice(0, 2)).toEqual(blocks.slice(0, 2))
    expect(kv.usedCount).toBe(3)
  })

  it('does not publish what has not been computed', () => {
    const kv = new KvCache(8)
    const first = makeSequence(range(40))
    kv.reserve(first, 40)
    first.computed = 20
    kv.publish(first)
    expect(kv.adopt(makeSequence(range(40)))).toBe(16)
  })

  it('refuses blocks that are given back twice', () => {
    const kv = new KvCache(8)
    const first = makeSequence(range(20))
    kv.reserve(first, 20)
    const twin = makeSequence(range(20))
    twin.blocks.push(...first.blocks)
    kv.release(first)
    expect(() => kv.release(twin)).toThrow(/more often/)
  })
})
