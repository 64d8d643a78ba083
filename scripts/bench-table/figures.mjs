import { last, megabytes, seconds, shown, sorted, table, valuesOf } from './rows.mjs'
import { targetTable } from './targets.mjs'

/** @typedef {import('./rows.mjs').Run} Run */
/** @typedef {import('./rows.mjs').PeerRow} PeerRow */
/** @typedef {import('./rows.mjs').ModelReport} ModelReport */

const [BEGIN, END] = ['<!-- figures -->', '<!-- /figures -->']

/** Every table that there are rows for. @param {readonly unknown[]} lines */
export function figures(lines) {
  const { runs, peers, models } = sorted(lines)
  const sections = [
    ['Targets', targetTable(runs, peers)],
    ['Other engines', peerTables(peers)],
    ['Text', textTable(runs)],
    ['Pictures and sounds', mediaTable(runs)],
    ['A token of decoding', stepTable(runs)],
    ['Loading and memory', loadTable(runs)],
    ['Where the time goes', kernelTables(runs)],
    ['Models', modelTable(models)],
    ['What was run', runTable(runs, models, peers)],
    ['What did not hold', faults(runs, peers, models)],
  ]
  return sections.flatMap(([title, text]) => (text ? [`### ${title}\n\n${text}`] : [])).join('\n\n')
}

/** A document with these figures between its marks. Errors: it has none. @param {string} document @param {string} text */
export function intoMarks(document, text) {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`The file has no ${BEGIN} followed by ${END}; put them where the tables belong.`)
  return `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`
}

const nameOf = (/** @type {Run} */ { shape, variant }) => (variant === 'all features' ? shape : `${shape}, ${variant}`)

/** @param {readonly Run[]} runs */
function textTable(runs) {
  const contexts = valuesOf(runs, (row) => (row.row === 'decode' ? row.context : undefined))
  const prompts = valuesOf(runs, (row) => (row.row === 'prefill' ? row.tokens : undefined))
  const batches = valuesOf(runs, (row) => (row.row === 'batch' ? row.sequences : undefined))
  if (contexts.length + prompts.length + batches.length === 0) return ''
  const head = ['tokens a second', ...contexts.map((n) => `decode at ${n}`), 'GB/s', 'of copying', ...prompts.map((n) => `prefill ${n}`)]
  const rows = runs.map((run) => {
    const decode = contexts.map((n) => last(run, 'decode', ({ context }) => context === n))
    // The context of the targets, or else the longest.
    const judged = last(run, 'decode', ({ context }) => context === 1024) ?? decode.at(-1)
    const share = judged?.copy_share
    return [
      nameOf(run),
      ...decode.map((row) => shown(row?.tokens_per_second)),
      shown(judged?.gigabytes_per_second),
      share == null ? '–' : `${shown(share * 100)} %`,
      ...prompts.map((n) => shown(last(run, 'prefill', ({ tokens }) => tokens === n)?.tokens_per_second)),
      ...batches.map((n) => shown(last(run, 'batch', ({ sequences }) => sequences === n)?.tokens_per_second)),
    ]
  })
  return table([...head, ...batches.map((n) => `batch ${n}`)], withFigures(rows))
}

/** Leaves out lines of nothing but dashes. @param {string[][]} rows */
const withFigures = (rows) => rows.filter(([, ...cells]) => cells.some((cell) => cell !== '–'))

/** @param {readonly Run[]} runs */
function mediaTable(runs) {
  const rows = runs.flatMap((run) =>
    valuesOf([run], (row) => (row.row === 'media' ? row.item : undefined)).map((item) => {
      const row = last(run, 'media', (each) => each.item === item)
      const cells = [row?.encode_ms, row?.first_token_ms, row?.again_first_token_ms].map((ms) => `${shown(ms)} ms`)
      return [`${nameOf(run)}, ${item}`, shown(row?.tokens, 0), ...cells]
    }),
  )
  return rows.length > 0 ? table(['item', 'prompt, tokens', 'encode', 'first token', 'first token, seen before'], rows) : ''
}

/** @param {readonly Run[]} runs */
function stepTable(runs) {
  const rows = runs.map((run) => {
    const row = last(run, 'step')
    const calls = [row?.dispatches, row?.bind_groups, row?.queue_writes, row?.submits].map((count) => shown(count))
    const weights = last(run, 'decode', ({ context }) => context === 1024) ?? last(run, 'decode')
    return [nameOf(run), ...calls, shown(row?.cpu_us), shown(row?.encode_us), megabytes(weights?.bytes_per_token)]
  })
  const head = ['', 'dispatches', 'bind groups', 'queue writes', 'submits', 'CPU, µs', 'to encode, µs', 'bytes read']
  const full = withFigures(rows)
  return full.length > 0 ? table(head, full) : ''
}

/** @param {readonly Run[]} runs */
function loadTable(runs) {
  const head = ['', 'load', 'fetch', 'convert', 'upload', 'weights read', 'GPU memory', 'at most', "worker's memory at most"]
  const rows = runs.flatMap((run) =>
    /** @type {const} */ (['load', 'reload']).flatMap((kind) => {
      const row = last(run, kind, ({ profile }) => !profile) ?? last(run, kind)
      if (!row) return []
      const times = [row.load_ms, row.fetch_ms, row.convert_ms, row.upload_ms].map(seconds)
      const after = run.rows.slice(run.rows.indexOf(row)).find((each) => each.row === 'memory')
      const memory = after?.row === 'memory' ? after : undefined
      const name = kind === 'load' ? nameOf(run) : `${nameOf(run)}, from storage`
      return [[name, ...times, ...[row.bytes, row.gpu_bytes, memory?.gpu_bytes_peak, memory?.worker_bytes].map(megabytes)]]
    }),
  )
  return rows.length > 0 ? table(head, rows) : ''
}

/** Kernels shown of a part: those that take most. */
const MOST_KERNELS = 8

/** Parts whose kernels say nothing new. */
const OTHER_PARTS = ['finite', 'step']

/** @param {readonly Run[]} runs */
function kernelTables(runs) {
  const tables = runs.flatMap((run) =>
    valuesOf([run], (row) => (row.row === 'kernels' && !OTHER_PARTS.includes(row.of) ? row.of : undefined)).map((of) => {
      const kernels = Object.entries(last(run, 'kernels', (row) => row.of === of)?.kernels ?? {})
      const all = kernels.reduce((sum, [, { milliseconds }]) => sum + milliseconds, 0)
      const rows = kernels
        .toSorted(([, a], [, b]) => b.milliseconds - a.milliseconds)
        .slice(0, MOST_KERNELS)
        .map(([name, { calls, milliseconds, bytes }]) => [
          name,
          `${shown((100 * milliseconds) / all, 1)} %`,
          shown(calls, 0),
          shown((1000 * milliseconds) / calls, 1),
          shown(bytes / milliseconds / 1e6),
        ])
      return `${nameOf(run)}, ${of}: ${shown(all, 1)} ms\n\n${table(['kernel', 'share', 'calls', 'µs each', 'GB/s'], rows)}`
    }),
  )
  return tables.join('\n\n')
}

/** @param {readonly ModelReport[]} models */
function modelTable(models) {
  const head = ['model', 'load', 'first token', 'with a picture', 'decode, tok/s', 'prefill, tok/s', 'dispatches a token', 'GPU at most']
  const rows = models.map((report) => [
    `${report.model}, ${report.quantization === 'none' ? report.dtype : report.quantization}`,
    seconds(report.load_ms),
    `${shown(report.first_token_ms)} ms`,
    report.first_token_picture_ms === null ? '–' : `${shown(report.first_token_picture_ms)} ms`,
    shown(report.decode_tokens_per_second),
    `${shown(report.prefill_tokens_per_second)} (${report.prefill_tokens} tokens)`,
    shown(report.per_token.dispatches),
    megabytes(report.gpu_bytes_peak),
  ])
  return rows.length > 0 ? table(head, rows) : ''
}

/** @param {readonly PeerRow[]} peers */
function peerTables(peers) {
  const shapes = [...new Set(peers.map(({ shape }) => shape))]
  const times = (/** @type {number | undefined} */ own, /** @type {number | undefined} */ other) =>
    own && other ? `${(own / other).toFixed(own / other < 10 ? 2 : 1)} ×` : '–'
  const head = ['engine', 'weights', 'ran on', 'decode, tok/s', 'Ocellus is', 'prefill, tok/s', 'Ocellus is']
  return shapes
    .map((shape) => {
      const rows = peers.filter((row) => row.shape === shape)
      const own = rows.find(({ engine }) => engine === 'Ocellus')
      const lines = rows.map((row) => [
        [`${row.engine} ${row.version}`, row.mode].filter(Boolean).join(', '),
        row.weights ?? '–',
        row.device ? `${row.device}${row.on_cpu ? ' (the CPU)' : ''}` : '–',
        shown(row.decode_tokens_per_second),
        row === own ? '–' : times(own?.decode_tokens_per_second, row.decode_tokens_per_second),
        shown(row.prefill_tokens_per_second),
        row === own ? '–' : times(own?.prefill_tokens_per_second, row.prefill_tokens_per_second),
      ])
      const [{ context = 0, prefill_tokens = 0 } = {}] = rows
      return `${shape}: answers that end at ${context} tokens, prompts of ${prefill_tokens}\n\n${table(head, lines)}`
    })
    .join('\n\n')
}

/** @param {readonly Run[]} runs @param {readonly ModelReport[]} models @param {readonly PeerRow[]} peers */
function runTable(runs, models, peers) {
  // Where files lay is nobody's concern.
  const typed = (/** @type {string} */ command) => `\`${command.replace(/(--(?:json|trace)[ =])\S*\//g, '$1')}\``
  const adapterOf = (/** @type {ModelReport['adapter'] | undefined} */ adapter) =>
    adapter ? adapter.description || `${adapter.vendor} ${adapter.architecture}` : '–'
  const shapes = runs.flatMap((run) =>
    run.rows.flatMap((row, i) => {
      if (row.row !== 'run') return []
      const load = run.rows.slice(i).find((each) => each.row === 'load')
      const adapter = load?.row === 'load' ? adapterOf(load.adapter) : '–'
      return [[typed(row.command), row.date.slice(0, 10), adapter, row.browser, row.machine]]
    }),
  )
  const others = models.map(({ command, date, adapter, browser }) => [
    `\`${command}\``,
    date.slice(0, 10),
    adapterOf(adapter),
    browser,
    '–',
  ])
  const days = [...new Set(peers.map(({ date }) => date.slice(0, 10)))]
  const beside = peers.length > 0 ? [['`test/bench/peers`', days.join(', '), '(see the table)', '–', '–']] : []
  const lines = [...shapes, ...others, ...beside]
  // A command that measures several variants is one command.
  const once = [...new Map(lines.map((line) => [line.join(), line])).values()]
  return once.length > 0 ? table(['command', 'date', 'adapter', 'browser', 'machine'], once) : ''
}

/** What was checked and did not hold, and what could not be measured. @param {readonly Run[]} runs @param {readonly PeerRow[]} peers @param {readonly ModelReport[]} models */
function faults(runs, peers, models) {
  const said = runs.flatMap((run) =>
    run.rows.flatMap((row) => {
      if (row.row === 'failed') return [`${nameOf(run)}, ${row.part}: ${row.error}`]
      if (row.row === 'skipped') return [`${nameOf(run)}: not measured, ${row.reason}`]
      if (row.row === 'finite' && !row.finite) return [`${nameOf(run)}: logits are not finite`]
      if (row.row === 'batch' && row.same + row.ties < row.sequences)
        return [`${nameOf(run)}, batch ${row.sequences}: ${row.sequences - row.same - row.ties} answers are not those of the prompts alone`]
      return 'same_tokens' in row && !row.same_tokens ? [`${nameOf(run)}, ${row.row}: answers differ between runs`] : []
    }),
  )
  const others = peers.flatMap(({ shape, engine, mode, wrong = [], problem }) => {
    const name = [shape, engine, mode].filter(Boolean).join(', ')
    return [
      ...wrong.map((what) => `${name}: ${what}`),
      ...(problem === undefined ? [] : [`${name}: did not run, ${problem.split('\n')[0]}`]),
    ]
  })
  const different = models.filter((report) => !report.same_output).map(({ model }) => `${model}: answers differ between runs`)
  return [...said, ...others, ...different].map((line) => `- ${line}`).join('\n')
}
