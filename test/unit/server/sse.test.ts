import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EventStream } from '../../../src/server/sse.ts'

/** A stream that notes what its writer is told. */
function open(): { stream: EventStream; told: string[] } {
  const told: string[] = []
  const tell = (what: string) => (): void => void told.push(what)
  return { stream: new EventStream(10_000, { onFull: tell('full'), onDrained: tell('drained'), onCancel: tell('cancel') }), told }
}

const textOf = (stream: EventStream): Promise<string> => new Response(stream.body).text()

/** An event of this many bytes. */
const big = (bytes: number): string => 'x'.repeat(bytes - 'data: ""\n\n'.length)

describe('an event stream', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('is data lines with blank lines between them, and [DONE] at the end', async () => {
    const { stream } = open()
    stream.send({ text: 'ä\n' })
    stream.send([1])
    stream.end()
    expect(await textOf(stream)).toBe(': keep-alive\n\ndata: {"text":"ä\\n"}\n\ndata: [1]\n\ndata: [DONE]\n\n')
  })

  it('says a comment at once and every 10 s until it ends', async () => {
    const { stream } = open()
    vi.advanceTimersByTime(9_999)
    stream.send(1)
    vi.advanceTimersByTime(20_001)
    stream.end()
    vi.advanceTimersByTime(60_000)
    const comment = ': keep-alive\n\n'
    expect(await textOf(stream)).toBe(`${comment}data: 1\n\n${comment.repeat(3)}data: [DONE]\n\n`)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('says nothing more after its end', async () => {
    const { stream } = open()
    stream.end()
    stream.send(1)
    stream.end()
    expect(await textOf(stream)).toBe(': keep-alive\n\ndata: [DONE]\n\n')
  })

  it('breaks off with the reason', async () => {
    const { stream } = open()
    stream.send(1)
    stream.fail(new Error('Cut.'))
    expect(await textOf(stream).catch(({ message }: Error) => message)).toBe('Cut.')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('asks its writer to wait once when 64 KB are unread, and to go on when they have been read', async () => {
    const { stream, told } = open()
    stream.send(big(30_000))
    expect(told).toEqual([])
    stream.send(big(40_000))
    stream.send(big(40_000))
    expect(told).toEqual(['full'])
    const reader = stream.body.getReader()
    await reader.read()
    await reader.read()
    expect(told).toEqual(['full'])
    await reader.read()
    await reader.read()
    await Promise.resolve()
    expect(told).toEqual(['full', 'drained'])
    stream.send(big(70_000))
    expect(told).toEqual(['full', 'drained', 'full'])
    stream.end()
  })

  it('does not pile comments up before a reader who does not read', async () => {
    const { stream } = open()
    stream.send(big(70_000))
    vi.advanceTimersByTime(100_000)
    stream.end()
    expect((await textOf(stream)).split('keep-alive')).toHaveLength(2)
  })

  it('tells its writer when the reader goes away, and stops', async () => {
    const { stream, told } = open()
    await stream.body.cancel()
    expect(told).toEqual(['cancel'])
    stream.send(1)
    stream.end()
    expect(vi.getTimerCount()).toBe(0)
  })
})
