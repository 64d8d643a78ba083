/** @typedef {import('../../cli/bench-rows.ts').BenchRow & { shape: string, variant?: string, profile?: true }} ShapeRow */
/** @typedef {import('../../cli/bench.ts').BenchReport} ModelReport */

/**
 * What another engine, or Ocellus beside it, has done, as far as tables need it.
 * @typedef {object} PeerRow
 * @property {string} date
 * @property {string} shape
 * @property {string} engine
 * @property {string} version
 * @property {string} mode
 * @property {number} context
 * @property {number} [prefill_tokens]
 * @property {string} [device]
 * @property {boolean} [on_cpu]
 * @property {string} [weights]
 * @property {number} [decode_tokens_per_second]
 * @property {number} [prefill_tokens_per_second]
 * @property {readonly string[]} [wrong]
 * @property {string} [problem]
 */

/** One measurement of a shape: its rows, of one variant. @typedef {{ shape: string, variant: string, rows: ShapeRow[] }} Run */

/** Rows that count of a run with --profile, which slows everything else down. */
const WITH_PROFILE = ['run', 'load', 'kernels', 'failed']

/**
 * Takes lines apart by what has written them. Of two measurements of the same shape, variant and row, the later one counts.
 * @param {readonly unknown[]} lines
 */
export function sorted(lines) {
  const peers = /** @type {PeerRow[]} */ (lines.filter((line) => isObject(line) && 'engine' in line))
  const models = /** @type {ModelReport[]} */ (lines.filter((line) => isObject(line) && 'model_type' in line))
  /** @type {Map<string, Run>} */
  const runs = new Map()
  for (const line of lines) {
    if (!isObject(line) || !('row' in line)) continue
    const row = /** @type {ShapeRow} */ (line)
    const { shape, variant = 'all features', profile } = row
    if (profile && !WITH_PROFILE.includes(row.row)) continue
    const run = runs.get(`${shape} ${variant}`) ?? { shape, variant, rows: [] }
    runs.set(`${shape} ${variant}`, run)
    run.rows.push(row)
  }
  return { peers, models, runs: [...runs.values()] }
}

/** @param {unknown} line @returns {line is object} */
const isObject = (line) => typeof line === 'object' && line !== null

/**
 * The last row of a kind that fits.
 * @template {ShapeRow['row']} K
 * @param {Run | undefined} run
 * @param {K} kind
 * @param {(row: Extract<ShapeRow, { row: K }>) => boolean} [fits]
 * @returns {Extract<ShapeRow, { row: K }> | undefined}
 */
export function last(run, kind, fits = () => true) {
  return /** @type {Extract<ShapeRow, { row: K }> | undefined} */ (
    run?.rows.findLast((row) => row.row === kind && fits(/** @type {Extract<ShapeRow, { row: K }>} */ (row)))
  )
}

/** All values that rows of a kind have, in order and once. @param {readonly Run[]} runs @param {(row: ShapeRow) => number | string | undefined} of */
export function valuesOf(runs, of) {
  const found = new Set(runs.flatMap(({ rows }) => rows.map(of)).filter((value) => value !== undefined))
  return [...found].sort((a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : 0))
}

/** A table. The first column is text, the others numbers. @param {readonly string[]} head @param {readonly (readonly string[])[]} rows */
export function table(head, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map((_, i) => (i === 0 ? '---' : '---:')).join('|')}|`, ...rows.map(line)].join('\n')
}

/** A number for people; a dash where there is none. @param {number | null | undefined} value @param {number} [digits] */
export function shown(value, digits = value != null && Math.abs(value) < 100 ? 1 : 0) {
  if (value == null || !Number.isFinite(value)) return '–'
  const [whole = '', part] = value.toFixed(digits).split('.')
  const grouped = whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, ' ') : whole
  return part === undefined ? grouped : `${grouped}.${part}`
}

/** @param {number | null | undefined} bytes */
export const megabytes = (bytes) => (bytes == null ? '–' : `${shown(bytes / 1e6, bytes < 1e7 ? 1 : 0)} MB`)

/** @param {number | null | undefined} ms */
export const seconds = (ms) => (ms == null ? '–' : `${(ms / 1000).toFixed(1)} s`)
