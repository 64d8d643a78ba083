import type { PeerRow } from './peer-row.ts'

const HEAD = ['engine', 'mode', 'weights', 'ran on', 'decode tok/s', 'Ocellus is', 'prefill tok/s', 'Ocellus is'] as const
/** From this column on, cells are numbers. */
const FIRST_NUMBER = 4

/** How many times as fast as this the first row is; empty where either has no figure. */
export function ratio(first: number | undefined, other: number | undefined): string {
  if (!first || !other) return ''
  const times = first / other
  return `${times.toFixed(times < 10 ? 2 : 1)} ×`
}

const speed = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(value < 100 ? 1 : 0))

/**
 * Rows side by side, with how many times as fast Ocellus is; it is the first row of its name. Below the table stands what is wrong with
 * figures and why there are none.
 */
export function peerTable(rows: readonly PeerRow[]): string {
  const own = rows.find(({ engine }) => engine === 'Ocellus')
  const marks: string[] = []
  const mark = (texts: readonly string[]): string => {
    if (texts.length === 0) return ''
    marks.push(texts.join('; '))
    return ` [${marks.length}]`
  }
  const cells = rows.map((row) => {
    const { decode_tokens_per_second: decode, prefill_tokens_per_second: prefill } = row
    const device = `${row.device ?? ''}${row.on_cpu ? ', NOT THE GPU' : ''}`
    const said = [
      ...(row.wrong ?? []).map((text) => `WRONG: ${text}`),
      ...(row.problem === undefined ? [] : [`did not run: ${row.problem}`]),
    ]
    return [
      `${row.engine} ${row.version}${mark(said)}`,
      row.mode,
      row.weights ?? '',
      device,
      row.problem === undefined ? speed(decode) : '–',
      ratio(own?.decode_tokens_per_second, decode),
      row.problem === undefined ? speed(prefill) : '–',
      ratio(own?.prefill_tokens_per_second, prefill),
    ]
  })
  return [...aligned([HEAD, ...cells]), ...marks.map((text, i) => `[${i + 1}] ${text}`)].join('\n')
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const cell = (text: string, column: number): string =>
    column < FIRST_NUMBER ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(cell).join('  ').trimEnd())
}

/** Whether every check on the way held. What could not run at all breaks none. */
export const allRight = (rows: readonly PeerRow[]): boolean => rows.every(({ wrong = [] }) => wrong.length === 0)
