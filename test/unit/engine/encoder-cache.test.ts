import { describe, expect, it } from 'vitest'
import { EncoderCache } from '../../../src/engine/encoder-cache.ts'

describe('EncoderCache', () => {
  it('places items one after another and finds them again', () => {
    const cache = new EncoderCache(10)
    expect(cache.allocate('a', 4)).toMatchObject({ start: 0, length: 4 })
    expect(cache.allocate('b', 6)).toMatchObject({ start: 4, length: 6 })
    expect(cache.find('b')).toMatchObject({ start: 4, length: 6 })
    expect(cache.find('c')).toBe(undefined)
    expect(cache.usedRows).toBe(10)
  })

  it('drops the least recently used items to make room, and no more than it must', () => {
    const cache = new EncoderCache(12)
    for (const key of ['a', 'b', 'c']) cache.allocate(key, 4)
    cache.pin('a')
    cache.unpin('a')
    expect(cache.allocate('d', 4)).toMatchObject({ start: 4 })
    expect(cache.find('b')).toBe(undefined)
    expect(cache.find('a')).toMatchObject({ start: 0 })
    expect(cache.find('c')).toMatchObject({ start: 8 })
  })

  it('forgets what nobody holds when it is cleared', () => {
    const cache = new EncoderCache(12)
    for (const key of ['a', 'b']) cache.allocate(key, 4)
    cache.pin('b')
    cache.clear()
    expect(cache.find('a')).toBe(undefined)
    expect(cache.find('b')).toMatchObject({ start: 4 })
  })

  it('never drops pinned items, and drops none in vain', () => {
    const cache = new EncoderCache(12)
    for (const key of ['a', 'b', 'c']) cache.allocate(key, 4)
    cache.pin('b')
    // a and c are free, but not next to each other.
    expect(cache.allocate('d', 8)).toBe(undefined)
    expect(cache.find('a')).toMatchObject({ start: 0 })
    expect(cache.find('c')).toMatchObject({ start: 8 })
    cache.unpin('b')
    expect(cache.allocate('d', 8)).toMatchObject({ length: 8 })
  })

  it('counts pins', () => {
    const cache = new EncoderCache(4)
    cache.allocate('a', 4)
    cache.pin('a')
    cache.pin('a')
    cache.unpin('a')
    expect(cache.allocate('b', 1)).toBe(undefined)
    cache.unpin('a')
    expect(cache.allocate('b', 1)).toMatchObject({ start: 0 })
    expect(() => cache.unpin('b')).toThrow(/not pinned/)
    expect(() => cache.pin('a')).toThrow(/not in the encoder cache/)
  })

  it('fills the first gap that is long enough', () => {
    const cache = new EncoderCache(20)
    for (const [key, length] of [
      ['a', 2],
      ['b', 5],
      ['c', 3],
      ['d', 10],
    ] as const)
      cache.allocate(key, length)
    cache.forget('a')
    cache.forget('c')
    expect(cache.allocate('e', 3)).toMatchObject({ start: 7 })
    expect(cache.allocate('f', 2)).toMatchObject({ start: 0 })
  })

  it('has no room for an item larger than itself', () => {
    expect(new EncoderCache(4).allocate('a', 5)).toBe(undefined)
  })
})
