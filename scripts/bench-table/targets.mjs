import { last, shown, table } from './rows.mjs'

/** @typedef {import('./rows.mjs').Run} Run */
/** @typedef {import('./rows.mjs').PeerRow} PeerRow */

/** Qwen2-VL's picture of 1024 tokens, in pixels of a side. */
const TARGET_SIDE = 896

/**
 * A speed to reach on an NVIDIA H200, in tokens a second.
 * @typedef {{ what: string, shape: string, least: number, of: (run: Run) => number | undefined, peer: 'decode_tokens_per_second' | 'prefill_tokens_per_second' }} SpeedTarget
 */

/** @type {(shape: string, name: string, least: number) => SpeedTarget} */
const decodeTarget = (shape, name, least) => ({
  ...{ what: `decode at 1024, ${name}`, shape, least, peer: 'decode_tokens_per_second' },
  of: (run) => last(run, 'decode', ({ context }) => context === 1024)?.tokens_per_second,
})

/** @type {(shape: string, name: string, least: number) => SpeedTarget} */
const prefillTarget = (shape, name, least) => ({
  ...{ what: `prefill of 1024, ${name}`, shape, least, peer: 'prefill_tokens_per_second' },
  of: (run) => last(run, 'prefill', ({ tokens }) => tokens === 1024)?.tokens_per_second,
})

const SPEEDS = [
  decodeTarget('qwen2vl_2b', 'Qwen2-VL-2B', 800),
  prefillTarget('qwen2vl_2b', 'Qwen2-VL-2B', 26_000),
  decodeTarget('ultravox_8b', 'Ultravox 8B', 400),
  prefillTarget('ultravox_8b', 'Ultravox 8B', 11_000),
  decodeTarget('minicpm_8b', 'MiniCPM-V 8B', 400),
  prefillTarget('minicpm_8b', 'MiniCPM-V 8B', 11_000),
]

/**
 * Targets, what was measured with all features, and the best of the peers that ran right on the same shape.
 * @param {readonly Run[]} runs
 * @param {readonly PeerRow[]} peers
 */
export function targetTable(runs, peers) {
  const runOf = (/** @type {string} */ shape) => runs.find((run) => run.shape === shape && run.variant === 'all features')
  const rows = SPEEDS.flatMap(({ what, shape, least, of, peer }) => {
    const run = runOf(shape)
    const value = run && of(run)
    if (value === undefined) return []
    const best = peers
      .filter((row) => row.shape === shape && row.engine !== 'Ocellus' && !row.wrong?.length && !row.on_cpu && row[peer] !== undefined)
      .toSorted((a, b) => (b[peer] ?? 0) - (a[peer] ?? 0))[0]
    const beside = best ? `${shown(best[peer])} (${[best.engine, best.mode].filter(Boolean).join(', ')})` : '–'
    return [[what, `≥ ${shown(least)} tok/s`, `${shown(value)} tok/s`, met(value >= least), beside]]
  })
  const small = runOf('qwen2vl_2b')
  const picture = last(small, 'media', ({ item }) => item === `image ${TARGET_SIDE}×${TARGET_SIDE}`)
  if (picture)
    rows.push([
      'encode a picture of 1024 tokens, Qwen2-VL-2B',
      '≤ 60 ms',
      `${shown(picture.encode_ms)} ms`,
      met(picture.encode_ms <= 60),
      '–',
    ])
  const [one, many] = [1, 16].map((count) => last(small, 'batch', ({ sequences }) => sequences === count)?.tokens_per_second)
  if (one && many) rows.push(['batch 16 over batch 1, Qwen2-VL-2B', '≥ 6 ×', `${(many / one).toFixed(1)} ×`, met(many / one >= 6), '–'])
  return rows.length > 0 ? table(['target', 'wanted', 'measured', 'met', 'best peer'], rows) : ''
}

const met = (/** @type {boolean} */ reached) => (reached ? 'yes' : 'no')
