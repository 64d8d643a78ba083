import { describe, expect, it } from 'vitest'
import { type SubmittedRun, traceEvents } from '../../../src/gpu/trace.ts'

const run = (label: string, submitted: number, dispatches: readonly [string, number, number][]): SubmittedRun => ({
  ...{ label, submitted },
  dispatches: dispatches.map(([name, start, end]) => ({ name, start, end, bytes: 2_000_000 })),
})

/** Two submits of a GPU whose clock began 900 ms before the CPU's. */
const runs = [
  run('prefill', 10, [
    ['norm', 911, 911.5],
    ['matmul', 911.5, 912.5],
  ]),
  run('decode', 13, [['norm', 913.25, 913.25]]),
]

describe('traceEvents', () => {
  const events = traceEvents(runs, [
    { track: 'cpu', name: 'prefill', start: 9, end: 10 },
    { track: 'wait', name: 'results', start: 10, end: 14 },
  ])
  const slices = events.filter(({ ph }) => ph === 'X')

  it('has the tracks by name first', () => {
    expect(events.slice(0, 5).map(({ ph, name, args }) => [ph, name, args?.['name']])).toEqual([
      ['M', 'process_name', 'Ocellus'],
      ['M', 'thread_name', 'CPU: encode and submit'],
      ['M', 'thread_name', 'CPU: wait for results'],
      ['M', 'thread_name', 'GPU: steps'],
      ['M', 'thread_name', 'GPU: kernels'],
    ])
  })

  it('brings the clocks together so that nothing runs before it was submitted', () => {
    // The second run shows that the GPU's clock is 900.25 ms ahead at most; the first would allow 901.
    expect(slices.map(({ name, tid, ts, dur }) => [name, tid, ts, dur])).toEqual([
      ['prefill', 1, 9000, 1000],
      ['results', 2, 10_000, 4000],
      ['prefill', 3, 10_750, 1500],
      ['norm', 4, 10_750, 500],
      ['matmul', 4, 11_250, 1000],
      ['decode', 3, 13_000, 0],
      ['norm', 4, 13_000, 0],
    ])
  })

  it('gives each dispatch its bytes and their rate', () => {
    expect(slices.find(({ name }) => name === 'matmul')?.args).toEqual({ bytes: 2_000_000, 'GB/s': 2 })
    expect(slices.at(-1)?.args).toEqual({ bytes: 2_000_000 })
    expect(slices.find(({ tid }) => tid === 3)?.args).toEqual({ dispatches: 2, bytes: 4_000_000 })
  })

  it('is a trace of nothing where nothing ran', () => {
    expect(traceEvents([], []).every(({ ph }) => ph === 'M')).toBe(true)
    expect(traceEvents([run('empty', 1, [])], []).every(({ ph }) => ph === 'M')).toBe(true)
  })
})
