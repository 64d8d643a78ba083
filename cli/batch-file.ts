import { createReadStream, existsSync } from 'node:fs'
import { customIdOf } from './batch-request.ts'
import { UsageError } from './usage.ts'

/** Lines of a file that are not blank. */
export async function* linesOf(path: string): AsyncGenerator<string> {
  let first = true
  for await (const { text } of splitLines(path)) {
    const line = first ? text.replace(/^\ufeff/, '') : text
    first = false
    if (line.trim() !== '') yield line
  }
}

interface Line {
  text: string
  /** Bytes of the file up to and with this line. */
  end: number
  /** The file goes on after it, or could: it has its line feed. */
  whole: boolean
}

/** Splits at line feeds alone. Node's readline takes characters for line ends that JSON texts may hold. */
async function* splitLines(path: string): AsyncGenerator<Line> {
  let pieces: Buffer[] = []
  let end = 0
  const take = (): string => {
    const text = Buffer.concat(pieces).toString('utf8')
    pieces = []
    return text
  }
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0
    for (let at = piece.indexOf(10); at >= 0; at = piece.indexOf(10, from)) {
      pieces.push(piece.subarray(from, at))
      end += at + 1 - from
      from = at + 1
      yield { text: take(), end, whole: true }
    }
    if (from === piece.length) continue
    pieces.push(piece.subarray(from))
    end += piece.length - from
  }
  if (pieces.length > 0) yield { text: take(), end, whole: false }
}

/** What an earlier run has left: how many requests are answered, and how many bytes of the output hold them. */
export interface Finished {
  total: number
  done: number
  bytes: number
}

/**
 * Counts the requests and finds the answers that stand already, in order, up to the first line that is not whole. Errors: UsageError if
 * the output answers other requests, or is no output at all.
 */
export async function findFinished(input: string, output: string): Promise<Finished> {
  const answers = existsSync(output) ? await wholeAnswers(output) : []
  let total = 0
  for await (const line of linesOf(input)) {
    const answer = answers[total]
    total++
    if (answer === undefined || answer.custom_id === customIdOf(line)) continue
    throw new UsageError(
      `${output} is not of this run: its line ${total} answers ${JSON.stringify(answer.custom_id)}, but that of ${input} asks ${JSON.stringify(customIdOf(line))}. Name another output, or give --overwrite.`,
    )
  }
  if (answers.length > total)
    throw new UsageError(
      `${output} has ${answers.length} answers, but ${input} only ${total} requests. Name another output, or give --overwrite.`,
    )
  return { total, done: answers.length, bytes: answers.at(-1)?.end ?? 0 }
}

interface Answer {
  custom_id: string | null
  /** Bytes of the file up to and with this line. */
  end: number
}

async function wholeAnswers(path: string): Promise<Answer[]> {
  const answers: Answer[] = []
  for await (const { text, end, whole } of splitLines(path)) {
    const answer = whole ? readAnswer(text) : undefined
    if (answer) answers.push({ custom_id: answer.custom_id, end })
    else if (answers.length > 0 || isBrokenAnswer(text)) break
    else throw new UsageError(`${path} holds something else than answers, which would be lost. Name another output, or give --overwrite.`)
  }
  return answers
}

const ANSWER_START = '{"id":"batch_req_'

/** The beginning of an answer of ours, or the hole that a crash leaves in a file. */
const isBrokenAnswer = (text: string): boolean =>
  text !== '' && (ANSWER_START.startsWith(text.slice(0, ANSWER_START.length)) || /^\0+$/.test(text))

function readAnswer(line: string): { custom_id: string | null } | undefined {
  try {
    const answer = JSON.parse(line) as { custom_id?: string | null; response?: unknown }
    return answer.response !== undefined && answer.custom_id !== undefined ? { custom_id: answer.custom_id } : undefined
  } catch {
    return undefined
  }
}
