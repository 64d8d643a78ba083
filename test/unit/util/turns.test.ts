import { describe, expect, it } from 'vitest'
import { Turns } from '../../../src/util/turns.ts'

const never = new AbortController().signal

/** Work that ends when told to, and a record of what has begun. */
function makeWork() {
  const begun: string[] = []
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>()
  const work = (name: string) => () => {
    begun.push(name)
    return new Promise<string>((resolve, reject) => ends.set(name, { resolve: () => resolve(name), reject }))
  }
  return { begun, ends, work }
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

describe('Turns', () => {
  it('begins so many at once, and the next in order as one ends, well or badly', async () => {
    const { begun, ends, work } = makeWork()
    const turns = new Turns(2)
    const results = ['a', 'b', 'c', 'd'].map((name) => turns.run(work(name), never).catch((error: Error) => error.message))
    await settle()
    expect(begun).toEqual(['a', 'b'])
    ends.get('b')?.reject(new Error('b failed'))
    await settle()
    expect(begun).toEqual(['a', 'b', 'c'])
    ends.get('c')?.resolve()
    await settle()
    for (const name of ['a', 'd']) ends.get(name)?.resolve()
    expect(await Promise.all(results)).toEqual(['a', 'b failed', 'c', 'd'])
  })

  it('lets one that is aborted go, and gives its turn to the next', async () => {
    const { begun, ends, work } = makeWork()
    const turns = new Turns(1)
    const leaving = new AbortController()
    const first = turns.run(work('a'), never)
    const second = turns.run(work('b'), leaving.signal).catch((error: Error) => error.name)
    const third = turns.run(work('c'), never)
    await settle()
    leaving.abort()
    expect(await second).toBe('AbortError')
    ends.get('a')?.resolve()
    await first
    await settle()
    expect(begun).toEqual(['a', 'c'])
    ends.get('c')?.resolve()
    expect(await third).toBe('c')
    expect(await turns.run(async () => 'd', leaving.signal).catch((error: Error) => error.name)).toBe('AbortError')
  })
})
