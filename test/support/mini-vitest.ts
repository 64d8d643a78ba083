// Stands in for vitest where there is no node_modules: scripts/gpu-bundle.mjs puts it in vitest's place, and a GPU machine runs the
// bundle in Node or in a page. It has what our GPU tests use and no more.
import { show } from './mini-expect.ts'

export { expect } from './mini-expect.ts'

type Work = (context: { skip: (why?: string) => never }) => unknown
type Hook = () => unknown

interface Test {
  name: string
  work: Work | undefined
  timeout: number
}

interface Suite {
  name: string
  skipped: boolean
  children: (Test | Suite)[]
  beforeAll: Hook[]
  afterAll: Hook[]
  beforeEach: Hook[]
  afterEach: Hook[]
}

/** The end of one test. */
export interface Result {
  file: string
  name: string
  state: 'passed' | 'failed' | 'skipped'
  message?: string
  seconds: number
}

const TIMEOUT = 120_000

const newSuite = (name: string, skipped = false): Suite => ({
  name,
  skipped,
  children: [],
  beforeAll: [],
  afterAll: [],
  beforeEach: [],
  afterEach: [],
})

let current = newSuite('')

function addSuite(name: string, body: () => void, skipped: boolean): void {
  const suite = newSuite(name, skipped || current.skipped)
  const outer = current
  outer.children.push(suite)
  current = suite
  try {
    body()
  } finally {
    current = outer
  }
}

type Options = number | { timeout?: number }

function addTest(name: string, a: Work | Options | undefined, b: Work | Options | undefined, skipped: boolean): void {
  const [work, options] = typeof a === 'function' ? [a, b] : [b, a]
  if (typeof work !== 'function' && !skipped) throw new Error(`test ${name} has no function`)
  const given = typeof options === 'object' ? options.timeout : typeof options === 'number' ? options : undefined
  current.children.push({ name, work: skipped ? undefined : (work as Work), timeout: given ?? TIMEOUT })
}

/** `%i`, `%s` … take the values of a row in turn, `$name` a field of it, as vitest's titles do. */
export function titleOf(title: string, row: readonly unknown[], index: number): string {
  let next = 0
  const text = title.replace(/%([sdifjo#%])/g, (_, kind: string) => {
    if (kind === '%') return '%'
    if (kind === '#') return String(index)
    const value = row[next++]
    return typeof value === 'string' ? value : kind === 'i' ? String(Math.trunc(Number(value))) : show(value)
  })
  const fields = row.length === 1 && typeof row[0] === 'object' && row[0] !== null ? (row[0] as Record<string, unknown>) : undefined
  return text.replace(/\$(\w+)/g, (whole, field: string) => {
    if (!fields || !(field in fields)) return whole
    const value = fields[field]
    return typeof value === 'string' ? value : show(value)
  })
}

type Row = readonly unknown[]
const rowOf = (row: unknown): Row => (Array.isArray(row) ? row : [row])

function suiteMaker(skipped: boolean) {
  const make = (name: string, body: () => void) => addSuite(name, body, skipped)
  const each = (rows: readonly unknown[]) => (title: string, body: (...row: unknown[]) => void) => {
    rows.forEach((row, i) => {
      addSuite(titleOf(title, rowOf(row), i), () => body(...rowOf(row)), skipped)
    })
  }
  return Object.assign(make, { each })
}

function testMaker(skipped: boolean) {
  const make = (name: string, a?: Work | Options, b?: Work | Options) => addTest(name, a, b, skipped)
  const each = (rows: readonly unknown[]) => (title: string, work: (...row: unknown[]) => unknown, options?: Options) => {
    rows.forEach((row, i) => {
      addTest(titleOf(title, rowOf(row), i), () => work(...rowOf(row)), options, skipped)
    })
  }
  return Object.assign(make, { each })
}

export const describe = Object.assign(suiteMaker(false), {
  skip: suiteMaker(true),
  skipIf: (condition: unknown) => suiteMaker(Boolean(condition)),
  runIf: (condition: unknown) => suiteMaker(!condition),
})

export const it = Object.assign(testMaker(false), {
  skip: testMaker(true),
  skipIf: (condition: unknown) => testMaker(Boolean(condition)),
  runIf: (condition: unknown) => testMaker(!condition),
})

export const test = it
export const beforeAll = (hook: Hook): void => void current.beforeAll.push(hook)
export const afterAll = (hook: Hook): void => void current.afterAll.push(hook)
export const beforeEach = (hook: Hook): void => void current.beforeEach.push(hook)
export const afterEach = (hook: Hook): void => void current.afterEach.push(hook)

class Skipped extends Error {}

async function inTime(work: () => unknown, timeout: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${timeout / 1000} s`)), timeout)
  })
  try {
    await Promise.race([Promise.resolve().then(work), late])
  } finally {
    clearTimeout(timer)
  }
}

const inOrder = async (hooks: readonly Hook[]): Promise<void> => {
  for (const hook of hooks) await inTime(hook, TIMEOUT)
}

/** Runs one test between the hooks around it, outermost first. */
async function runTest(test: Test, suites: readonly Suite[]): Promise<Pick<Result, 'state' | 'message'>> {
  const { work } = test
  if (!work || suites.some((suite) => suite.skipped)) return { state: 'skipped' }
  const skip = (): never => {
    throw new Skipped()
  }
  try {
    try {
      await inOrder(suites.flatMap((suite) => suite.beforeEach))
      await inTime(() => work({ skip }), test.timeout)
    } finally {
      await inOrder([...suites].reverse().flatMap((suite) => suite.afterEach))
    }
    return { state: 'passed' }
  } catch (thrown) {
    return thrown instanceof Skipped ? { state: 'skipped' } : { state: 'failed', message: show(thrown) }
  }
}

async function* runSuite(suite: Suite, outer: readonly Suite[], file: string): AsyncGenerator<Result> {
  const suites = [...outer, suite]
  const path = suites.map(({ name }) => name).filter(Boolean)
  if (!suite.skipped) await inOrder(suite.beforeAll)
  for (const child of suite.children) {
    if ('children' in child) {
      yield* guarded(runSuite(child, suites, file), file, [...path, child.name].join(' > '))
    } else {
      const started = performance.now()
      const end = await runTest(child, suites)
      yield { file, name: [...path, child.name].join(' > '), seconds: (performance.now() - started) / 1000, ...end }
    }
  }
  if (!suite.skipped) await inOrder(suite.afterAll)
}

/** What a hook throws is a failure of its suite, not the end of the run. */
async function* guarded(results: AsyncGenerator<Result>, file: string, name: string): AsyncGenerator<Result> {
  try {
    yield* results
  } catch (thrown) {
    yield { file, name, state: 'failed', message: show(thrown), seconds: 0 }
  }
}

/** Loads test files one by one and runs what they define. A file that does not load is one failure. */
export async function* runFiles(files: Readonly<Record<string, () => Promise<unknown>>>): AsyncGenerator<Result> {
  for (const [file, load] of Object.entries(files)) {
    current = newSuite('')
    try {
      await load()
    } catch (thrown) {
      yield { file, name: 'loads', state: 'failed', message: show(thrown), seconds: 0 }
      continue
    }
    yield* guarded(runSuite(current, [], file), file, 'hooks of the file')
  }
}
