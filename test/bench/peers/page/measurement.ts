import type { GpuCalls } from './gpu-calls.ts'

/** What a peer is asked to do. Every number counts tokens. */
export interface BenchWork {
  /** Prompt and answer together: decoding ends when so many tokens are in the cache. */
  readonly context: number
  /** Of the answer. */
  readonly tokens: number
  /** Of the prompt that measures prefill. */
  readonly prefill: number
  /** Runs that count; one before them does not. */
  readonly runs: number
}

/** What a page or process found. Speeds in tokens a second, one for each run. */
export interface Measurement {
  /** What it ran on, in words: an adapter's name, or wasm and its threads. */
  readonly device: string
  /** Whether that was the CPU, for a peer that was to run on the GPU. */
  readonly onCpu: boolean
  readonly weights: string
  readonly decode: readonly number[]
  readonly prefill: readonly number[]
  /** The answer's tokens, or its text where a peer gives no ids. The same in every run, or sameRuns is false. */
  readonly answer: readonly number[] | string
  readonly sameRuns: boolean
  /** Whether all logits that were seen are finite numbers. */
  readonly finite: boolean
  readonly loadMs: number
  readonly callsPerToken?: GpuCalls
  /** Anything a reader should know. */
  readonly notes: readonly string[]
}

/** The least real work, in milliseconds, before anything is timed: GPUs idle at a fraction of their clock. */
export const WARM_MS = 300

/** Runs the work over and over for at least WARM_MS. */
export async function warmUp(work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  do await work()
  while (performance.now() - start < WARM_MS)
}

/** Prompts of all peers: ids spread over the vocabulary but for its last hundredth, where special tokens are. */
export function promptIds(vocabulary: number, count: number): number[] {
  const most = Math.floor(vocabulary * 0.99) - 1
  let state = 2_463_534_242
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return 1 + Math.floor((state / 2 ** 32) * most)
  })
}

/** An adapter in words, as its info says. */
export function adapterName(info: GPUAdapterInfo | undefined): string {
  const { vendor = '', architecture = '', description = '' } = info ?? {}
  return description || [vendor, architecture].filter(Boolean).join(' ') || 'an unnamed adapter'
}

/** wasm and its threads in words. */
export const wasmName = (threads: number): string => `wasm, ${threads} ${threads === 1 ? 'thread' : 'threads'}`
