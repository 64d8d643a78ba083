import { type ParseArgsConfig, parseArgs } from 'node:util'

/** What was typed cannot be understood: exit status 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

type Options = NonNullable<ParseArgsConfig['options']>

/** node:util's parseArgs with messages for people. Errors: UsageError. */
export function parseFlags<O extends Options>(args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError(readable(error, Object.keys(options)))
  }
}

/** `--name a b` as `--name a --name b` for the flags that take a list, as Python's argparse reads them. */
export function spreadLists(args: readonly string[], names: readonly string[]): string[] {
  let list: string | undefined
  let first = false
  return args.flatMap((arg) => {
    if (arg.startsWith('-')) {
      list = names.includes(arg.replace(/^--/, '')) ? arg : undefined
      first = true
      return [arg]
    }
    if (list === undefined || first) {
      first = false
      return [arg]
    }
    return [list, arg]
  })
}

function readable(error: unknown, known: readonly string[]): string {
  const message = error instanceof Error ? error.message : String(error)
  const unknown = /^Unknown option '(--?[^']+)'/.exec(message)?.[1]
  if (!unknown) return message.replace(/Option '(?:-\w, )?(--[\w-]+)[^']*' argument (missing|is ambiguous)[\s\S]*/, '$1 needs a value.')
  const near = nearest(unknown.replace(/^-+/, ''), known)
  return `There is no flag ${unknown}${near ? `; do you mean --${near}?` : '.'}`
}

/** The known name that takes the fewest edits, if that is few. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const [best] = known.map((each) => ({ each, cost: editDistance(name, each) })).sort((a, b) => a.cost - b.cost)
  return best && best.cost <= Math.max(2, name.length / 4) ? best.each : undefined
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** A flag's value as a whole number of at least `min`. Errors: UsageError. */
export function wholeNumber(flag: string, value: string | undefined, min: number): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (value.trim() !== '' && Number.isSafeInteger(number) && number >= min) return number
  throw new UsageError(`--${flag} is '${value}'; it must be a whole number of at least ${min}.`)
}

/** A flag's value as a number. Errors: UsageError. */
export function decimal(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (value.trim() !== '' && Number.isFinite(Number(value))) return Number(value)
  throw new UsageError(`--${flag} is '${value}'; it must be a number.`)
}

/** A flag's value as one of a few words. Errors: UsageError. */
export function oneOf<T extends string>(flag: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined
  throw new UsageError(`--${flag} is '${value}'; it must be one of ${allowed.join(', ')}.`)
}

/** A flag's value as a JSON object. Errors: UsageError. */
export function jsonObject(flag: string, value: string | undefined): Record<string, unknown> | undefined {
  if (value === undefined) return undefined
  try {
    const parsed: unknown = JSON.parse(value)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new UsageError(`--${flag} is '${value}'; it must be a JSON object such as '{"max_pixels": 200704}'.`)
}
