import { describe, expect, it } from 'vitest'
import { type ConversionJob, convertHere } from '../../../src/engine/row-converter.ts'
import { convertPool } from '../../../src/worker/convert-pool.ts'
import { serveConversions } from '../../../src/worker/convert-worker.ts'
import { randomFloats } from '../../support/random.ts'

const LARGE = 2 ** 30

type Scope = Parameters<typeof serveConversions>[0]

/** Workers that answer when they are told to, and what they have. */
function fakeWorkers() {
  const workers: { begin: () => void; answer: () => void; die: () => void; jobs: number; ended: boolean }[] = []
  const start = (): Worker => {
    const queue: unknown[] = []
    const worker = { onmessage: null, onerror: null, postMessage: () => {}, terminate: () => {} } as unknown as Worker
    const toEngine = (message: unknown): void => worker.onmessage?.({ data: message } as MessageEvent)
    const scope: Scope = {
      onmessage: null,
      postMessage: (message, transfer) => toEngine(structuredClone(message, { transfer: transfer ?? [] })),
    }
    const own = {
      ...{ jobs: 0, ended: false },
      begin: () => serveConversions(scope),
      answer: () => {
        for (const message of queue.splice(0)) scope.onmessage?.({ data: message } as Parameters<NonNullable<Scope['onmessage']>>[0])
      },
      die: () => worker.onerror?.(Object.assign(new Event('error'), { message: 'out of memory' }) as unknown as ErrorEvent),
    }
    worker.postMessage = ((message: unknown, transfer: Transferable[]) => {
      own.jobs++
      queue.push(structuredClone(message, { transfer }))
    }) as Worker['postMessage']
    worker.terminate = () => {
      own.ended = true
    }
    workers.push(own)
    return worker
  }
  return { workers, start }
}

/** A job of this many rows of 1024 f32 values, to q4. */
function jobOf(rows: number, seed: number): ConversionJob {
  const values = randomFloats(seed, rows * 1024)
  return { bytes: new Uint8Array(values.buffer), dtype: 'F32', cols: 1024, format: 'q4', transposed: false }
}

const copied = (job: ConversionJob): ConversionJob => ({ ...job, bytes: job.bytes.slice() })

describe('convertPool', () => {
  it('is not worth it for small checkpoints and few processors, and not there where no worker may be started', () => {
    const { start, workers } = fakeWorkers()
    expect(convertPool(1000, { processors: 16, start })).toBe(undefined)
    expect(convertPool(LARGE, { processors: 2, start })).toBe(undefined)
    const refused = (): Worker => {
      throw new DOMException('refused by the security policy', 'SecurityError')
    }
    expect(convertPool(LARGE, { processors: 16, start: refused })).toBe(undefined)
    expect(workers.length).toBe(0)
    expect(convertPool(LARGE, { processors: 64, start })?.width).toBe(5)
    expect(workers.length).toBe(4)
  })

  it('converts here until a worker has begun, then there, to the same bytes', async () => {
    const { start, workers } = fakeWorkers()
    const pool = convertPool(LARGE, { processors: 4, start })
    const [first, second] = workers
    const job = jobOf(128, 1)
    const expected = convertHere(copied(job))
    expect(pool?.convert(copied(job))).toEqual(expected)
    first?.begin()
    const sent = copied(job)
    const there = pool?.convert(sent)
    expect(sent.bytes.length).toBe(0)
    first?.answer()
    expect(await there).toEqual(expected)
    // Small ones are not worth the way.
    expect(pool?.convert(jobOf(4, 2))).toEqual(convertHere(jobOf(4, 2)))
    second?.begin()
    const more = [3, 4, 5, 6].map((seed) => pool?.convert(jobOf(128, seed)))
    expect([first?.jobs, second?.jobs]).toEqual([3, 2])
    second?.answer()
    first?.answer()
    expect(await Promise.all(more)).toEqual([3, 4, 5, 6].map((seed) => convertHere(jobOf(128, seed))))
    pool?.close()
    expect(workers.map(({ ended }) => ended)).toEqual([true, true])
  })

  it('tells what cannot be converted by its name, and that a worker broke down', async () => {
    const { start, workers } = fakeWorkers()
    const pool = convertPool(LARGE, { processors: 4, start })
    const [worker] = workers
    worker?.begin()
    const refused = pool?.convert({ ...jobOf(128, 1), cols: 1000 })
    worker?.answer()
    await expect(refused).rejects.toMatchObject({ name: 'ModelLoadError', message: expect.stringContaining('1000 columns') })
    const lost = pool?.convert(jobOf(128, 2))
    worker?.die()
    await expect(lost).rejects.toMatchObject({ name: 'ModelLoadError', message: expect.stringContaining('out of memory') })
    // The next one is done here.
    expect(pool?.convert(jobOf(128, 3))).toEqual(convertHere(jobOf(128, 3)))
  })
})
