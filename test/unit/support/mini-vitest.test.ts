import { describe, expect, it } from 'vitest'
import { expect as mini } from '../../support/mini-expect.ts'
import * as runner from '../../support/mini-vitest.ts'
import { titleOf } from '../../support/mini-vitest.ts'

type Check = (e: typeof mini) => unknown

const holds: [string, Check][] = [
  ['toBe with NaN', (e) => e(Number.NaN).toBe(Number.NaN)],
  ['toEqual of nested values', (e) => e({ a: [1, { b: 2 }], c: undefined }).toEqual({ a: [1, { b: 2 }] })],
  ['toEqual of typed arrays', (e) => e(Float32Array.of(1, 2)).toEqual(Float32Array.of(1, 2))],
  ['toEqual of maps', (e) => e(new Map([['a', [1]]])).toEqual(new Map([['a', [1]]]))],
  ['toBeLessThan', (e) => e(1).toBeLessThan(2)],
  ['toBeLessThanOrEqual', (e) => e(2).toBeLessThanOrEqual(2)],
  ['toBeGreaterThan', (e) => e(3).toBeGreaterThan(2)],
  ['toBeGreaterThanOrEqual', (e) => e(2).toBeGreaterThanOrEqual(2)],
  ['toBeCloseTo', (e) => e(1.004).toBeCloseTo(1, 2)],
  ['toThrow of a part', (e) => e(() => JSON.parse('{')).toThrow('JSON')],
  ['toThrow of a pattern', (e) => e(() => JSON.parse('{')).toThrow(/position|end/)],
  ['rejects.toThrow', (e) => e(Promise.reject(new Error('no room'))).rejects.toThrow('room')],
  ['rejects.toMatchObject', (e) => e(Promise.reject(new TypeError('x'))).rejects.toMatchObject({ name: 'TypeError' })],
  ['resolves.toBe', (e) => e(Promise.resolve(1)).resolves.toBe(1)],
  ['toHaveLength', (e) => e([1, 2]).toHaveLength(2)],
  ['toContain in lists', (e) => e([1, 2]).toContain(2)],
  ['toContain in text', (e) => e('abc').toContain('bc')],
  ['toMatch', (e) => e('abc').toMatch(/b/)],
  ['not.toBe', (e) => e(1).not.toBe(2)],
  ['toBeDefined', (e) => e(0).toBeDefined()],
  ['toBeUndefined', (e) => e(undefined).toBeUndefined()],
  ['toBeNull', (e) => e(null).toBeNull()],
  ['toBeTruthy', (e) => e('a').toBeTruthy()],
  ['a part of a text inside a value', (e) => e({ a: 'abc' }).toEqual({ a: e.stringContaining('b') })],
]

const fails: [string, Check][] = [
  ['toBe of 0 and -0', (e) => e(0).toBe(-0)],
  ['toBe of equal objects', (e) => e({}).toBe({})],
  ['toEqual of another value', (e) => e({ a: 1 }).toEqual({ a: 2 })],
  ['toEqual of one value more', (e) => e([1, 2]).toEqual([1])],
  ['toEqual of another kind', (e) => e(Float32Array.of(1)).toEqual(Float64Array.of(1))],
  ['toStrictEqual with a missing field', (e) => e({ a: undefined }).toStrictEqual({})],
  ['toBeLessThan of the same', (e) => e(2).toBeLessThan(2)],
  ['toBeLessThanOrEqual of NaN', (e) => e(Number.NaN).toBeLessThanOrEqual(2)],
  ['toBeGreaterThan of no number', (e) => e('3').toBeGreaterThan(2)],
  ['toBeCloseTo of something far', (e) => e(1.01).toBeCloseTo(1, 2)],
  ['toThrow of nothing thrown', (e) => e(() => 1).toThrow()],
  ['toThrow of another message', (e) => e(() => JSON.parse('{')).toThrow('room')],
  ['rejects of what resolves', (e) => e(Promise.resolve(1)).rejects.toThrow()],
  ['resolves of what rejects', (e) => e(Promise.reject(new Error('x'))).resolves.toBe(1)],
  ['toHaveLength of another', (e) => e([1]).toHaveLength(2)],
  ['toContain of a stranger', (e) => e([1]).toContain(2)],
  ['toMatch of a stranger', (e) => e('abc').toMatch(/d/)],
  ['not.toEqual of the same', (e) => e([1]).not.toEqual([1])],
  ['toBeDefined of undefined', (e) => e(undefined).toBeDefined()],
  ['toBeNull of undefined', (e) => e(undefined).toBeNull()],
]

describe('the small expect', () => {
  // Each line is put to vitest's own expect too, so that the two cannot mean different things.
  const own = expect as unknown as typeof mini

  it.each(holds)('holds: %s', async (_name, check) => {
    await check(mini)
    await check(own)
  })

  it.each(fails)('fails: %s', async (_name, check) => {
    const thrown = (e: typeof mini) =>
      Promise.resolve(e)
        .then(check)
        .then(
          () => undefined,
          (error: unknown) => error,
        )
    expect(await thrown(mini)).toBeInstanceOf(Error)
    expect(await thrown(own)).toBeInstanceOf(Error)
  })
})

describe('the small runner', () => {
  const run = async (define: () => unknown) => {
    const ends = []
    for await (const { name, state, message } of runner.runFiles({ 'a.test.ts': async () => define() })) ends.push([name, state, message])
    return ends
  }

  it('runs suites, rows and hooks in order', async () => {
    const seen: string[] = []
    const ends = await run(() => {
      runner.beforeAll(() => seen.push('before all'))
      runner.afterAll(() => seen.push('after all'))
      runner.describe('outer', () => {
        runner.beforeEach(() => seen.push('before each'))
        runner.it.each([
          [1, 'a'],
          [2, 'b'],
        ])('row %i %s', (n, s) => seen.push(`${n}${s}`))
        runner.it.skip('later', () => seen.push('never'))
      })
    })
    expect(ends).toEqual([
      ['outer > row 1 a', 'passed', undefined],
      ['outer > row 2 b', 'passed', undefined],
      ['outer > later', 'skipped', undefined],
    ])
    expect(seen).toEqual(['before all', 'before each', '1a', 'before each', '2b', 'after all'])
  })

  it('reports what a test throws and goes on', async () => {
    const ends = await run(() => {
      runner.it('breaks', () => mini(1).toBe(2))
      runner.it('breaks later', async () => mini(Promise.resolve(1)).rejects.toThrow())
      runner.it('is slow', () => new Promise(() => {}), 20)
      runner.it('works', () => undefined)
    })
    expect(ends.map(([name, state]) => [name, state])).toEqual([
      ['breaks', 'failed'],
      ['breaks later', 'failed'],
      ['is slow', 'failed'],
      ['works', 'passed'],
    ])
    expect(ends[0]?.[2]).toContain('expected 1 to be 2')
    expect(ends[2]?.[2]).toContain('took longer than 0.02 s')
  })

  it('counts a file that does not load and a hook that throws as failures', async () => {
    expect(
      await run(() => {
        throw new Error('no such export')
      }),
    ).toEqual([['loads', 'failed', 'Error: no such export']])
    const hook = await run(() => {
      runner.describe('suite', () => {
        runner.beforeAll(() => {
          throw new Error('no GPU')
        })
        runner.it('never runs', () => undefined)
      })
      runner.it('runs', () => undefined)
    })
    expect(hook).toEqual([
      ['suite', 'failed', 'Error: no GPU'],
      ['runs', 'passed', undefined],
    ])
  })

  it.each([
    ['%i of %s', [3, 'x'], '3 of x'],
    ['100 %% %#', [], '100 % 7'],
    ['$name at $size', [{ name: 'a', size: 2 }], 'a at 2'],
  ])('fills %s', (title, row, expected) => {
    expect(titleOf(title, row, 7)).toBe(expected)
  })
})
