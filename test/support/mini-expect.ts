// The matchers of vitest's expect that our GPU tests use, for machines that have no node_modules.

type Outcome = { pass: boolean; message: string }
type Matcher = (actual: unknown, ...args: never[]) => Outcome

/** What stands in an expected value for any value that fits. */
class Fitting {
  readonly name: string
  readonly fits: (actual: unknown) => boolean

  constructor(name: string, fits: (actual: unknown) => boolean) {
    this.name = name
    this.fits = fits
  }
}

/** Shows a value in a message; long ones are cut. */
export function show(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (value instanceof Fitting) return value.name
  if (typeof value === 'function') return `[function ${value.name}]`
  if (typeof value === 'number' || typeof value === 'bigint' || value === undefined) return Object.is(value, -0) ? '-0' : String(value)
  const plain = ArrayBuffer.isView(value)
    ? `${value.constructor.name} [${Array.from(value as Uint8Array).join(', ')}]`
    : JSON.stringify(value)
  const text = plain ?? String(value)
  return text.length > 300 ? `${text.slice(0, 300)} …` : text
}

/** Whether two values are equal in all their parts; fields that are undefined count as missing, unless strict. */
export function equals(actual: unknown, expected: unknown, strict = false): boolean {
  if (expected instanceof Fitting) return expected.fits(actual)
  if (Object.is(actual, expected)) return true
  if (typeof actual !== 'object' || typeof expected !== 'object' || actual === null || expected === null) return false
  if (Object.prototype.toString.call(actual) !== Object.prototype.toString.call(expected)) return false
  if (actual instanceof Error && expected instanceof Error) return actual.name === expected.name && actual.message === expected.message
  if (actual instanceof Map || actual instanceof Set) return equals([...actual], [...(expected as Iterable<unknown>)], strict)
  if (actual instanceof ArrayBuffer && expected instanceof ArrayBuffer) return equals(new Uint8Array(actual), new Uint8Array(expected))
  const a = actual as Record<string, unknown>
  const e = expected as Record<string, unknown>
  if ((Array.isArray(a) || ArrayBuffer.isView(a)) && a['length'] !== e['length']) return false
  const keys = new Set([...Object.keys(a), ...Object.keys(e)])
  return [...keys].every((key) => equals(a[key], e[key], strict) && (!strict || key in a === key in e))
}

const number = (value: unknown): number => {
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new Error(`expected a number, got ${show(value)}`)
  return Number(value)
}
const lengthOf = (value: unknown): unknown => (value as { length?: unknown } | null | undefined)?.length
const plain = (pass: boolean, actual: unknown, what: string): Outcome => ({ pass, message: `expected ${show(actual)} ${what}` })

function contains(actual: unknown, item: unknown): boolean {
  return typeof actual === 'string' ? actual.includes(String(item)) : [...(actual as Iterable<unknown>)].includes(item)
}

function throws(actual: unknown, expected?: unknown): Outcome {
  if (typeof actual !== 'function') throw new Error(`toThrow wants a function, got ${show(actual)}`)
  try {
    actual()
  } catch (thrown) {
    return { pass: thrownFits(thrown, expected), message: `expected ${show(thrown)} to be ${show(expected ?? 'thrown')}` }
  }
  return { pass: false, message: `expected an error ${show(expected ?? '')}, but nothing was thrown` }
}

function thrownFits(thrown: unknown, expected: unknown): boolean {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  if (expected === undefined) return true
  if (typeof expected === 'string') return message.includes(expected)
  if (expected instanceof RegExp) return expected.test(message)
  if (typeof expected === 'function') return thrown instanceof (expected as new () => unknown)
  if (expected instanceof Error) return message === expected.message
  return matchesObject(thrown, expected)
}

function matchesObject(actual: unknown, expected: unknown): boolean {
  if (expected instanceof Fitting || typeof expected !== 'object' || expected === null) return equals(actual, expected)
  if (typeof actual !== 'object' || actual === null) return false
  if (Array.isArray(expected) && (actual as unknown[]).length !== expected.length) return false
  return Object.entries(expected).every(([key, value]) => matchesObject((actual as Record<string, unknown>)[key], value))
}

function hasProperty(actual: unknown, path: string, ...value: unknown[]): Outcome {
  let at: unknown = actual
  const found = path.split('.').every((key) => {
    const present = typeof at === 'object' && at !== null && key in at
    at = present ? (at as Record<string, unknown>)[key] : undefined
    return present
  })
  const pass = found && (value.length === 0 || equals(at, value[0]))
  return plain(pass, actual, `to have ${path}${value.length > 0 ? ` = ${show(value[0])}` : ''}`)
}

const matchers = {
  toBe: (actual: unknown, expected: unknown) => plain(Object.is(actual, expected), actual, `to be ${show(expected)}`),
  toEqual: (actual: unknown, expected: unknown) => plain(equals(actual, expected), actual, `to equal ${show(expected)}`),
  toStrictEqual: (actual: unknown, expected: unknown) => plain(equals(actual, expected, true), actual, `to equal ${show(expected)}`),
  toMatchObject: (actual: unknown, expected: unknown) => plain(matchesObject(actual, expected), actual, `to match ${show(expected)}`),
  toBeLessThan: (actual: unknown, most: number) => plain(number(actual) < most, actual, `to be less than ${most}`),
  toBeLessThanOrEqual: (actual: unknown, most: number) => plain(number(actual) <= most, actual, `to be at most ${most}`),
  toBeGreaterThan: (actual: unknown, least: number) => plain(number(actual) > least, actual, `to be greater than ${least}`),
  toBeGreaterThanOrEqual: (actual: unknown, least: number) => plain(number(actual) >= least, actual, `to be at least ${least}`),
  toBeCloseTo: (actual: unknown, expected: number, digits = 2) =>
    plain(
      Object.is(actual, expected) || Math.abs(number(actual) - expected) < 10 ** -digits / 2,
      actual,
      `to be close to ${expected} (${digits} digits)`,
    ),
  toBeDefined: (actual: unknown) => plain(actual !== undefined, actual, 'to be defined'),
  toBeUndefined: (actual: unknown) => plain(actual === undefined, actual, 'to be undefined'),
  toBeNull: (actual: unknown) => plain(actual === null, actual, 'to be null'),
  toBeNaN: (actual: unknown) => plain(Number.isNaN(actual), actual, 'to be NaN'),
  toBeTruthy: (actual: unknown) => plain(Boolean(actual), actual, 'to be truthy'),
  toBeFalsy: (actual: unknown) => plain(!actual, actual, 'to be falsy'),
  toBeInstanceOf: (actual: unknown, type: new () => unknown) => plain(actual instanceof type, actual, `to be a ${type.name}`),
  toHaveLength: (actual: unknown, length: number) =>
    plain(lengthOf(actual) === length, actual, `to have length ${length}, not ${lengthOf(actual)}`),
  toHaveProperty: hasProperty,
  toContain: (actual: unknown, item: unknown) => plain(contains(actual, item), actual, `to contain ${show(item)}`),
  toContainEqual: (actual: unknown, item: unknown) =>
    plain(
      [...(actual as Iterable<unknown>)].some((one) => equals(one, item)),
      actual,
      `to contain ${show(item)}`,
    ),
  toMatch: (actual: unknown, pattern: string | RegExp) =>
    plain(typeof pattern === 'string' ? String(actual).includes(pattern) : pattern.test(String(actual)), actual, `to match ${pattern}`),
  toThrow: throws,
  toThrowError: throws,
} satisfies Record<string, Matcher>

type Rest<T extends unknown[]> = T extends [unknown, ...infer R] ? R : never
type Checks<R> = { [K in keyof typeof matchers]: (...args: Rest<Parameters<(typeof matchers)[K]>>) => R }
type Expectation<R> = Checks<R> & { not: Checks<R> }

/** Every matcher, with its outcome handed to `settle`. */
function checksWith<R>(settle: (name: string, matcher: Matcher, args: never[]) => R): Checks<R> {
  return Object.fromEntries(
    Object.entries(matchers).map(([name, matcher]) => [name, (...args: never[]) => settle(name, matcher as Matcher, args)]),
  ) as unknown as Checks<R>
}

function assert({ pass, message }: Outcome, negated: boolean, note?: string): void {
  if (pass === negated) throw new Error(`${note ? `${note}: ` : ''}${negated ? 'not ' : ''}${message}`)
}

/** Looks at how a promise ended and hands the value, or what was thrown, to the matchers. */
function later(actual: unknown, wanted: 'resolves' | 'rejects', negated: boolean, note?: string): Checks<Promise<void>> {
  return checksWith(async (name, matcher, args) => {
    const promise = typeof actual === 'function' ? actual() : actual
    const [ended, value] = await Promise.resolve(promise).then(
      (result) => ['resolves', result] as const,
      (thrown) => ['rejects', thrown] as const,
    )
    if (ended !== wanted) throw new Error(`expected a promise that ${wanted}, but it ${ended} with ${show(value)}`)
    const rethrow = () => {
      throw value
    }
    assert(matcher(wanted === 'rejects' && name.startsWith('toThrow') ? rethrow : value, ...args), negated, note)
  })
}

function expectation(actual: unknown, note?: string) {
  const now = (negated: boolean) => checksWith((_, matcher, args) => assert(matcher(actual, ...args), negated, note))
  const both = (wanted: 'resolves' | 'rejects'): Expectation<Promise<void>> => ({
    ...later(actual, wanted, false, note),
    not: later(actual, wanted, true, note),
  })
  return { ...now(false), not: now(true), resolves: both('resolves'), rejects: both('rejects') }
}

/** vitest's expect, as far as our tests need it. */
export const expect = Object.assign(expectation, {
  stringContaining: (part: string) => new Fitting(`text with ${part}`, (actual) => String(actual).includes(part)),
  stringMatching: (pattern: RegExp) => new Fitting(`text like ${pattern}`, (actual) => pattern.test(String(actual))),
  closeTo: (value: number, digits = 2) => new Fitting(`about ${value}`, (actual) => Math.abs(Number(actual) - value) < 10 ** -digits / 2),
  objectContaining: (part: object) => new Fitting(`object with ${show(part)}`, (actual) => matchesObject(actual, part)),
  arrayContaining: (part: unknown[]) =>
    new Fitting(`list with ${show(part)}`, (actual) => Array.isArray(actual) && part.every((item) => actual.some((a) => equals(a, item)))),
  fail: (message: string): never => {
    throw new Error(message)
  },
})
