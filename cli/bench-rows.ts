import { appendFileSync } from 'node:fs'
import type { ModelInfo } from '../src/index.ts'
import type { MemoryPeak } from './bench-memory.ts'
import { type KernelTimes, kernelTable } from './kernel-table.ts'
import { megabytes } from './terminal.ts'

/** What bench finds out, a row at a time. Times in milliseconds, memory in bytes, speeds in tokens or 10⁹ bytes a second. */
export type BenchRow =
  | {
      row: 'run'
      /** When, in ISO 8601, and what was typed. */
      date: string
      command: string
      browser: string
      /** Processors and system of this machine. */
      machine: string
    }
  | {
      row: 'load' | 'reload'
      adapter: ModelInfo['adapter']
      dtype: string
      quantization: string
      max_model_len: number
      load_ms: number
      fetch_ms: number
      convert_ms: number
      upload_ms: number
      /** Bytes of weights read. */
      bytes: number
      gpu_bytes: number
    }
  | {
      row: 'copy'
      /** Read and written: the better of a kernel and the GPU's own command for it. */
      gigabytes_per_second: number
      by_kernel: number
      by_command: number
    }
  | {
      row: 'decode'
      context: number
      tokens_per_second: number
      runs: number[]
      /** Bytes of weights and cache that a token reads. */
      bytes_per_token: number
      gigabytes_per_second: number
      /** Of the bandwidth that the row 'copy' tells, 0 to 1; null where that was not measured. */
      copy_share: number | null
      same_tokens: boolean
    }
  | {
      row: 'step'
      dispatches: number
      bind_groups: number
      queue_writes: number
      submits: number
      /** All that the engine's thread does for a token; null where the system does not tell. */
      cpu_us: number | null
      /** Of that, what preparing, encoding and submitting take. */
      encode_us: number
      same_tokens: boolean
    }
  | { row: 'prefill'; tokens: number; tokens_per_second: number; runs: number[]; same_tokens: boolean }
  | {
      row: 'media'
      item: string
      /** Of the whole prompt. */
      tokens: number
      /** On the GPU. */
      encode_ms: number
      first_token_ms: number
      /** The same for an item that is prepared and encoded already: what is left is decoding the file and reading the prompt. */
      again_first_token_ms: number
      same_tokens: boolean
    }
  | {
      row: 'batch'
      sequences: number
      tokens_per_second: number
      /** Sequences whose tokens are those that they have alone. */
      same: number
      /** Of the others, those that part at a tie: two tokens whose log-probabilities are closer than rounding can tell. */
      ties: number
    }
  | { row: 'finite'; positions: number; finite: boolean }
  | ({ row: 'memory'; gpu_bytes: number; gpu_bytes_peak: number } & MemoryPeak)
  | { row: 'kernels'; of: string; kernels: KernelTimes }
  | { row: 'skipped'; reason: string }
  | { row: 'failed'; part: string; error: string }
  | { row: 'end'; ok: boolean; seconds: number }

/** Whether what was checked on the way to a row held. */
export function isGood(row: BenchRow): boolean {
  if (row.row === 'failed') return false
  if (row.row === 'finite') return row.finite
  if (row.row === 'decode' || row.row === 'step' || row.row === 'prefill' || row.row === 'media') return row.same_tokens
  return row.row !== 'batch' || row.same + row.ties === row.sequences
}

/** Takes rows as they come. */
export type RowSink = (row: BenchRow) => void

/**
 * Where rows go: `file` gets each as a line of JSON at once, so that what was found outlives a run that is cut short. head: what stands at
 * the beginning of each.
 */
export function rowSink(head: object, file: string | undefined, print: (line: string) => void, asJson: boolean): RowSink {
  return (row) => {
    const line = JSON.stringify({ ...head, ...row })
    if (file !== undefined) appendFileSync(file, `${line}\n`)
    print(asJson ? line : inWords(row))
  }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
const speed = (value: number): string => value.toFixed(value < 100 ? 1 : 0)
const judged = (good: boolean, bad: string): string => (good ? '' : `  ${bad}`)

function inWords(row: BenchRow): string {
  switch (row.row) {
    case 'run':
      return `${row.date.slice(0, 16)}  ${row.browser}, ${row.machine}`
    case 'load':
    case 'reload': {
      const name = row.adapter.description || `${row.adapter.vendor} ${row.adapter.architecture}`
      const parts = `fetch ${seconds(row.fetch_ms)}, convert ${seconds(row.convert_ms)}, upload ${seconds(row.upload_ms)}`
      return `${row.row.padEnd(16)}${seconds(row.load_ms)} (${parts}) of ${megabytes(row.bytes)}; ${megabytes(row.gpu_bytes)} on ${name}, ${row.quantization}`
    }
    case 'copy':
      return `copy            ${speed(row.gigabytes_per_second)} GB/s (by a kernel ${speed(row.by_kernel)}, by command ${speed(row.by_command)})`
    case 'decode': {
      const share = row.copy_share === null ? '' : `, ${(row.copy_share * 100).toFixed(0)} % of copying`
      const traffic = `${megabytes(row.bytes_per_token)} a token, ${speed(row.gigabytes_per_second)} GB/s${share}`
      return `decode ${pad(row.context)} ${speed(row.tokens_per_second)} tokens/s (${traffic})${judged(row.same_tokens, 'RUNS DIFFER')}`
    }
    case 'step': {
      const cpu = `${row.cpu_us === null ? 'unknown' : row.cpu_us.toFixed(0)} µs of CPU, ${row.encode_us.toFixed(0)} of them to encode and submit`
      const calls = `${row.dispatches} dispatches, ${row.bind_groups} bind groups, ${row.queue_writes} queue writes, ${row.submits} submits`
      return `a token         ${calls}, ${cpu}${judged(row.same_tokens, 'RUNS DIFFER')}`
    }
    case 'prefill':
      return `prefill ${pad(row.tokens)}${speed(row.tokens_per_second)} tokens/s${judged(row.same_tokens, 'RUNS DIFFER')}`
    case 'media':
      return `${row.item.padEnd(16)}${row.tokens} tokens, encode ${row.encode_ms.toFixed(1)} ms, first token ${row.first_token_ms.toFixed(0)} ms, again ${row.again_first_token_ms.toFixed(0)} ms${judged(row.same_tokens, 'RUNS DIFFER')}`
    case 'batch': {
      const lost = row.sequences - row.same - row.ties
      const words = `${row.same} as alone${row.ties > 0 ? `, ${row.ties} part at a tie` : ''}`
      return `batch ${pad(row.sequences)}  ${speed(row.tokens_per_second)} tokens/s (${words})${judged(lost === 0, `${lost} DIFFER`)}`
    }
    case 'finite':
      return `logits          ${row.finite ? 'finite' : 'NOT FINITE'} at ${row.positions} positions`
    case 'memory': {
      const shown = (bytes: number | null): string => (bytes === null ? 'unknown' : megabytes(bytes))
      return `memory          GPU at most ${megabytes(row.gpu_bytes_peak)}; worker's heap and buffers ${shown(row.worker_bytes)}, its process ${shown(row.process_bytes)}`
    }
    case 'kernels':
      return `kernels of ${row.of}, warm-up left out\n${kernelTable(row.kernels)}`
    case 'skipped':
      return `skipped         ${row.reason}`
    case 'failed':
      return `FAILED ${row.part}: ${row.error}`
    case 'end':
      return `${row.ok ? 'all checks passed' : 'NOT ALL CHECKS PASSED'} in ${row.seconds.toFixed(0)} s`
  }
}

const pad = (value: number): string => String(value).padEnd(8)
