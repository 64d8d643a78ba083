import { describe, expect, it } from 'vitest'
import { LruMap } from '../../../src/util/lru-map.ts'

describe('LruMap', () => {
  it('drops the least recently used entry first', () => {
    const dropped: string[] = []
    const map = new LruMap<string, string>({ capacity: 2, onDrop: (value) => dropped.push(value) })
    map.set('a', 'A')
    map.set('b', 'B')
    expect(map.get('a')).toBe('A')
    map.set('c', 'C')
    expect(dropped).toEqual(['B'])
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual(['A', undefined, 'C'])
  })

  it('counts sizes, and keeps a value that is too large on its own', () => {
    const map = new LruMap<string, string>({ capacity: 5, sizeOf: (value) => value.length })
    map.set('a', 'xxx')
    map.set('b', 'xx')
    expect([map.count, map.size]).toEqual([2, 5])
    map.set('c', 'xxxxxxxx')
    expect([map.count, map.size]).toEqual([1, 8])
  })

  it('drops a value that is replaced or cleared', () => {
    const dropped: string[] = []
    const map = new LruMap<string, string>({ capacity: 9, onDrop: (value) => dropped.push(value) })
    map.set('a', 'A1')
    map.set('a', 'A2')
    map.set('b', 'B')
    map.clear()
    expect(dropped).toEqual(['A1', 'A2', 'B'])
    expect([map.count, map.size]).toEqual([0, 0])
  })
})
