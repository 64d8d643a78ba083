import { createReadStream, existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { customIdOf } from './batch-request.ts'
import { UsageError } from './usage.ts'

/** Lines of a file that are not blank. */
export async function* linesOf(path: string): AsyncGenerator<string> {
  const lines = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })
  let first = true
  for await (const line of lines) {
    const text = first ? line.replace(/^\ufeff/, '') : line
    first = false
    if (text.trim() !== '') yield text
  }
}

/** What an earlier run has left: how many requests are answered, and how many bytes of the output hold them. */
export interface Finished {
  total: number
  done: number
  bytes: number
}

/**
 * Counts the requests and finds the answers that stand already, in order, up to the first line that is not whole. Errors: UsageError if
 * the output answers other requests.
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
  let rest: Buffer = Buffer.alloc(0)
  let end = 0
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = rest.length > 0 ? Buffer.concat([rest, piece]) : piece
    let from = 0
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10, from)) {
      const answer = readAnswer(rest.toString('utf8', from, at))
      if (!answer) return answers
      end += at + 1 - from
      answers.push({ custom_id: answer.custom_id, end })
      from = at + 1
    }
    rest = rest.subarray(from)
  }
  return answers
}

function readAnswer(line: string): { custom_id: string | null } | undefined {
  try {
    const answer = JSON.parse(line) as { custom_id?: string | null; response?: unknown }
    return answer.response !== undefined && answer.custom_id !== undefined ? { custom_id: answer.custom_id } : undefined
  } catch {
    return undefined
  }
}
