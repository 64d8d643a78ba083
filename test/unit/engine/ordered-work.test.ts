import { describe, expect, it } from 'vitest'
import { OrderedWork } from '../../../src/engine/ordered-work.ts'

/** Values that come when they are told to, by name. */
function slowly() {
  const waiting = new Map<string, { give: (value: string) => void; fail: (error: Error) => void }>()
  const begun: string[] = []
  const start = (name: string) => (): Promise<string> => {
    begun.push(name)
    return new Promise((give, fail) => waiting.set(name, { give, fail }))
  }
  return {
    begun,
    start,
    give: (name: string) => waiting.get(name)?.give(name),
    fail: (name: string) => waiting.get(name)?.fail(new Error(name)),
  }
}

/** Lets everything run that waits for nothing else. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

describe('OrderedWork', () => {
  it('runs first parts side by side and second ones in order', async () => {
    const { begun, start, give } = slowly()
    const done: string[] = []
    const finish = async (name: string): Promise<void> => {
      await turn()
      done.push(name)
    }
    const work = new OrderedWork(3)
    await work.add('t', start('a'), finish)
    await work.add('t', start('b'), finish)
    expect(begun).toEqual(['a', 'b'])
    const third = work.add('t', start('c'), finish)
    give('c')
    give('b')
    await turn()
    expect([begun, done]).toEqual([['a', 'b', 'c'], []])
    give('a')
    await third
    await work.end()
    expect(done).toEqual(['a', 'b', 'c'])
  })

  it('waits for room after a piece, and before one of a third group', async () => {
    const { begun, start, give } = slowly()
    const work = new OrderedWork(8)
    const finish = async (): Promise<void> => {}
    await work.add('one', start('a'), finish)
    await work.add('two', start('b'), finish)
    let room = false
    const third = work.add('three', start('c'), finish).then(() => {
      room = true
    })
    await turn()
    expect([begun, room]).toEqual([['a', 'b'], false])
    give('a')
    await third
    expect(begun).toEqual(['a', 'b', 'c'])
    give('b')
    give('c')
    await work.end()
    const narrow = new OrderedWork(1)
    let added = false
    const only = narrow.add('one', start('d'), finish).then(() => {
      added = true
    })
    await turn()
    expect(added).toBe(false)
    give('d')
    await only
  })

  it('tells the first failure, of either part, and finishes nothing after it', async () => {
    const { start, give, fail } = slowly()
    const done: string[] = []
    const finish = async (name: string): Promise<void> => {
      done.push(name)
      if (name === 'b') throw new Error('no room for b')
    }
    const work = new OrderedWork(4)
    for (const name of ['a', 'b', 'c']) await work.add('t', start(name), finish)
    fail('c')
    give('b')
    give('a')
    await expect(work.end()).rejects.toThrow('no room for b')
    expect(done).toEqual(['a', 'b'])
    await expect(work.add('t', start('d'), finish)).rejects.toThrow('no room for b')
    await work.settle()

    const other = new OrderedWork(2)
    await other.add('t', start('e'), finish)
    fail('e')
    await expect(other.add('t', () => 'f', finish)).rejects.toThrow(/^e$/)
    expect(done).toEqual(['a', 'b'])
    const thrown = new OrderedWork(1)
    const throwing = (): string => {
      throw new Error('at once')
    }
    await expect(thrown.add('t', throwing, finish)).rejects.toThrow('at once')
  })
})
