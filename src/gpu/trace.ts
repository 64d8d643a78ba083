/** Something that took time. Milliseconds, of whatever clock. */
export interface Span {
  readonly name: string
  readonly start: number
  readonly end: number
}

/** A dispatch that has run. Milliseconds of the GPU's clock. */
export interface DispatchSpan extends Span {
  readonly bytes: number
}

/** Dispatches that were submitted together, and when: not before `submitted` of the CPU's clock, in milliseconds. */
export interface SubmittedRun {
  readonly label: string
  readonly submitted: number
  readonly dispatches: readonly DispatchSpan[]
}

/** An event of the Trace Event Format, which chrome://tracing and Perfetto read. Microseconds. */
export interface TraceEvent {
  readonly name: string
  readonly cat?: string
  /** X: a stretch of time; M: the name of a process or track. */
  readonly ph: 'X' | 'M'
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur?: number
  readonly args?: Readonly<Record<string, string | number>>
}

const PROCESS = 1

/** Tracks in the order in which viewers show them. */
const TRACKS = { cpu: 'CPU: encode and submit', wait: 'CPU: wait for results', runs: 'GPU: steps', kernels: 'GPU: kernels' } as const

type Track = keyof typeof TRACKS

const trackId = (track: Track): number => Object.keys(TRACKS).indexOf(track) + 1

/**
 * A trace of what was run. The GPU's clock has an origin of its own: it is shifted by the least that lets no run begin before it was
 * submitted.
 */
export function traceEvents(runs: readonly SubmittedRun[], cpu: readonly (Span & { readonly track: 'cpu' | 'wait' })[]): TraceEvent[] {
  const shift = runs.reduce(
    (most, { submitted, dispatches: [first] }) => Math.max(most, submitted - (first?.start ?? submitted)),
    -Infinity,
  )
  const gpu = runs.flatMap(({ label, dispatches }) => {
    const [first, last] = [dispatches[0], dispatches.at(-1)]
    if (!first || !last) return []
    const bytes = dispatches.reduce((sum, dispatch) => sum + dispatch.bytes, 0)
    const whole = { name: label, start: first.start + shift, end: last.end + shift }
    return [
      slice('runs', whole, { dispatches: dispatches.length, bytes }),
      ...dispatches.map(({ name, start, end, bytes }) => {
        const rate = end > start ? { 'GB/s': Math.round((bytes / (end - start)) * 1e-4) / 100 } : {}
        return slice('kernels', { name, start: start + shift, end: end + shift }, { bytes, ...rate })
      }),
    ]
  })
  const events = [...cpu.map(({ track, ...span }) => slice(track, span)), ...gpu]
  return [...names(), ...events.toSorted((a, b) => a.ts - b.ts)]
}

function slice(track: Track, { name, start, end }: Span, args?: TraceEvent['args']): TraceEvent {
  const cat = track === 'cpu' || track === 'wait' ? 'cpu' : 'gpu'
  const times = { ts: inMicroseconds(start), dur: inMicroseconds(Math.max(0, end - start)) }
  return { name, cat, ph: 'X', pid: PROCESS, tid: trackId(track), ...times, ...(args && { args }) }
}

/** To nanoseconds, which is what GPUs count. */
const inMicroseconds = (milliseconds: number): number => Math.round(milliseconds * 1e6) / 1000

const names = (): TraceEvent[] => [
  { name: 'process_name', ph: 'M', pid: PROCESS, tid: 0, ts: 0, args: { name: 'Ocellus' } },
  ...Object.entries(TRACKS).map(
    ([track, name]): TraceEvent => ({ name: 'thread_name', ph: 'M', pid: PROCESS, tid: trackId(track as Track), ts: 0, args: { name } }),
  ),
]
