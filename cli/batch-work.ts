import { writeSync } from 'node:fs'
import { linesOf } from './batch-file.ts'
import { customIdOf, readBatchLine } from './batch-request.ts'
import { answeredLine, type BatchResult, failedLine } from './batch-response.ts'
import type { EnginePage } from './engine-page.ts'
import { engineGone } from './named-errors.ts'
import { type MediaPolicy, serveMedia } from './page-media.ts'
import type { Session } from './session.ts'
import { drawBar } from './terminal.ts'

/** What is to be answered, and where to. */
export interface BatchWork {
  session: Pick<Session, 'server' | 'workers'>
  policy: MediaPolicy
  input: string
  /** The output, open for writing. */
  file: number
  /** Requests under way at once in each worker. */
  concurrency: number
  /** Requests in the input, those of them that are answered already, and the bytes of the output that hold their answers. */
  total: number
  done: number
  bytes: number
}

/** Answers that may wait for one before them, as a multiple of those under way. */
const WINDOW = 8

/**
 * Keeps every worker busy and writes the lines in order, each whole in one write. Gives the number of lines with errors. Errors: what ends an
 * engine; the output then holds what was answered before the first request without an answer.
 */
export async function answerAll(work: BatchWork): Promise<number> {
  const { session, input, concurrency, done } = work
  const writer = new OrderedWriter(work)
  const loads = new Map(session.workers.map((worker) => [worker, 0]))
  const width = concurrency * loads.size
  const active = new Set<Promise<unknown>>()
  let index = 0
  try {
    for await (const line of linesOf(input)) {
      if (index++ < done) continue
      while (active.size >= width) await Promise.race(active)
      while (writer.waiting >= width * WINDOW) await writer.next()
      const [worker] = [...loads].reduce((least, each) => (each[1] < least[1] ? each : least))
      loads.set(worker, (loads.get(worker) ?? 0) + 1)
      const answer = answerLine(worker, work, line).finally(() => {
        loads.set(worker, (loads.get(worker) ?? 0) - 1)
        active.delete(answer)
      })
      active.add(answer)
      writer.push(answer)
    }
  } catch (error) {
    // What stands before the request that failed is still written.
    await writer.finish().catch(() => {})
    throw error
  }
  return writer.finish()
}

/** Writes answers in the order in which they were asked for, as soon as those before them are there. */
class OrderedWriter {
  readonly #work: BatchWork
  readonly #start = performance.now()
  /** Of each answer, that it is written; in order. */
  readonly #writes: Promise<void>[] = []
  #last: Promise<void> = Promise.resolve()
  #written: number
  #at: number
  #failed = 0

  constructor(work: BatchWork) {
    this.#work = work
    this.#written = work.done
    this.#at = work.bytes
    drawBar('Answering', work.done, work.total, `${work.done} of ${work.total}`)
  }

  get waiting(): number {
    return this.#writes.length
  }

  push(answer: Promise<BatchResult>): void {
    const before = this.#last
    const write = async (): Promise<void> => {
      await before
      this.#write(await answer)
      this.#writes.shift()
    }
    this.#last = write()
    this.#writes.push(this.#last)
    // Both may fail before anybody waits for them.
    answer.catch(() => {})
    this.#last.catch(() => {})
  }

  /** Resolves when one more is written. Errors: those of the answers. */
  async next(): Promise<void> {
    await this.#writes[0]
  }

  /** Resolves when all are written, with the number of lines with errors. Errors: those of the answers. */
  async finish(): Promise<number> {
    await this.#last
    return this.#failed
  }

  #write(result: BatchResult): void {
    const { file, done, total } = this.#work
    if (result.error) this.#failed++
    this.#at += writeWhole(file, Buffer.from(`${JSON.stringify(result)}\n`), this.#at)
    this.#written++
    const speed = ((this.#written - done) * 1000) / (performance.now() - this.#start)
    drawBar('Answering', this.#written, total, `${this.#written} of ${total}, ${speed.toFixed(2)} a second`)
  }
}

function writeWhole(file: number, bytes: Uint8Array, position: number): number {
  let written = 0
  while (written < bytes.length) written += writeSync(file, bytes, written, bytes.length - written, position + written)
  return written
}

/** One line's answer. Its own errors become its line; the end of the engine rejects. */
async function answerLine(worker: EnginePage, { session, policy }: BatchWork, text: string): Promise<BatchResult> {
  const custom_id = customIdOf(text)
  try {
    const { url, body } = readBatchLine(text)
    const media = await serveMedia(body, session.server, policy)
    try {
      const { status, requestId, content } = await answerWhole(worker, url, JSON.stringify(body))
      const answer = JSON.parse(media.rename(content)) as { error?: { code: string | null; message: string } }
      if (['engine_gone', 'device_lost', 'engine_not_ready'].includes(answer.error?.code ?? ''))
        throw engineGone(answer.error?.message ?? '')
      return answeredLine(custom_id, status, requestId, answer)
    } finally {
      media.release()
    }
  } catch (error) {
    if ((error as Error).name === 'EngineGoneError') throw error
    return failedLine(custom_id, error)
  }
}

async function answerWhole(
  worker: EnginePage,
  path: string,
  body: string,
): Promise<{ status: number; requestId?: string; content: string }> {
  const answer: { status: number; requestId?: string; content: string } = { status: 500, content: '' }
  const headers = { 'content-type': 'application/json' }
  await worker.answer(
    { method: 'POST', path, headers, body },
    {
      head: (status, { 'x-request-id': requestId }) => {
        Object.assign(answer, { status, ...(requestId !== undefined && { requestId }) })
      },
      write: (text) => {
        answer.content += text
      },
    },
  )
  return answer
}
