import { describe, expect, it } from 'vitest'
import { showValue } from '../../../src/util/show-value.ts'

const circle: Record<string, unknown> = {}
circle['self'] = circle

describe('showValue', () => {
  for (const [value, shown] of [
    ['a', '"a"'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    [5n, '5'],
    [undefined, 'undefined'],
    [null, 'null'],
    [[1, 'a'], '[1,"a"]'],
    [{ a: 5n }, '[object Object]'],
    [circle, '[object Object]'],
    [Symbol('s'), 'Symbol(s)'],
    ['x'.repeat(200), `"${'x'.repeat(79)}…`],
  ] as const) {
    it(`shows ${typeof value} as ${shown.slice(0, 20)}`, () => expect(showValue(value)).toBe(shown))
  }
})
