import type { EngineStats } from '../src/index.ts'
import { megabytes } from './terminal.ts'

/** GPU time by kernel, as the engine counts it. */
export type KernelTimes = NonNullable<EngineStats['kernels']>

/** What kernels took between two looks at the engine's counters. */
export function kernelsBetween(before: EngineStats, after: EngineStats): KernelTimes | undefined {
  if (!after.kernels) return undefined
  const none = { calls: 0, milliseconds: 0, bytes: 0 }
  const differences = Object.entries(after.kernels).map(([name, { calls, milliseconds, bytes }]) => {
    const earlier = before.kernels?.[name] ?? none
    return [
      name,
      { calls: calls - earlier.calls, milliseconds: milliseconds - earlier.milliseconds, bytes: bytes - earlier.bytes },
    ] as const
  })
  return Object.fromEntries(differences.filter(([, { calls }]) => calls > 0))
}

/** Kernels in a table for people, the slowest first: time, share of all, dispatches, bytes, and bytes a second. */
export function kernelTable(kernels: KernelTimes): string {
  const entries = Object.entries(kernels).sort(([, a], [, b]) => b.milliseconds - a.milliseconds)
  const total = { calls: 0, milliseconds: 0, bytes: 0 }
  for (const [, { calls, milliseconds, bytes }] of entries) {
    total.calls += calls
    total.milliseconds += milliseconds
    total.bytes += bytes
  }
  const line = (name: string, { calls, milliseconds, bytes }: KernelTimes[string]): string[] => [
    name,
    `${milliseconds.toFixed(2)} ms`,
    `${total.milliseconds > 0 ? ((100 * milliseconds) / total.milliseconds).toFixed(1) : '–'} %`,
    String(calls),
    calls > 0 ? `${((1000 * milliseconds) / calls).toFixed(1)} µs` : '–',
    megabytes(bytes),
    milliseconds > 0 ? (bytes / milliseconds / 1e6).toFixed(1) : '–',
  ]
  const head = ['kernel', 'time', 'share', 'calls', 'each', 'bytes', 'GB/s']
  const rows = [head, ...entries.map(([name, time]) => line(name, time)), line('all', total)]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const cell = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0)
  return rows.map((row) => row.map(cell).join('  ')).join('\n')
}
