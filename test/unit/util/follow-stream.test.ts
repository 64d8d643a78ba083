import { describe, expect, it } from 'vitest'
import { followStream } from '../../../src/util/follow-stream.ts'

const bytes = (n: number): Uint8Array<ArrayBuffer> => Uint8Array.of(n)

/** A stream of these chunks, then its end or an error; `seen` counts what was taken of it. */
function source(chunks: number, error?: Error) {
  const seen = { pulls: 0, cancelled: undefined as unknown }
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        if (seen.pulls++ < chunks) controller.enqueue(bytes(seen.pulls))
        else if (error) controller.error(error)
        else controller.close()
      },
      cancel(reason) {
        seen.cancelled = reason
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, seen }
}

const readAll = async (stream: ReadableStream<Uint8Array>): Promise<number[]> => {
  const all = []
  for await (const [byte] of stream) all.push(byte as number)
  return all
}

describe('following a stream', () => {
  it('passes everything on and tells the end once', async () => {
    let ends = 0
    expect(await readAll(followStream(source(3).stream, { onEnd: () => ends++ }))).toEqual([1, 2, 3])
    expect(ends).toBe(1)
  })

  it('passes a failure on and tells the end once', async () => {
    let ends = 0
    const followed = followStream(source(1, new RangeError('no')).stream, { onEnd: () => ends++ })
    expect(await readAll(followed).catch((error: Error) => error.name)).toBe('RangeError')
    expect(ends).toBe(1)
  })

  it('hands a cancel to the source', async () => {
    let ends = 0
    const { stream, seen } = source(9)
    const reader = followStream(stream, { onEnd: () => ends++ }).getReader()
    await reader.read()
    await reader.cancel('enough')
    expect([seen.cancelled, ends]).toEqual(['enough', 1])
  })

  it('takes no more from the source than is read', async () => {
    const { stream, seen } = source(9)
    const reader = followStream(stream, {}).getReader()
    await reader.read()
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(seen.pulls).toBe(1)
  })

  it('fails with the reason of its signal, before and while it is read', async () => {
    const reason = new RangeError('enough')
    const early = followStream(source(2).stream, { signal: AbortSignal.abort(reason) })
    expect(await readAll(early).catch((error: unknown) => error)).toBe(reason)
    const controller = new AbortController()
    const { stream, seen } = source(9)
    const reader = followStream(stream, { signal: controller.signal }).getReader()
    await reader.read()
    controller.abort(reason)
    expect(await reader.read().catch((error: unknown) => error)).toBe(reason)
    expect(seen.cancelled).toBe(reason)
  })
})
