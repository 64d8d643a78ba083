import { closeSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { findFinished, linesOf } from './batch-file.ts'
import { customIdOf, readBatchLine, readChatBody } from './batch-request.ts'
import { answeredLine, type BatchResult, failedLine } from './batch-response.ts'
import { type EngineFlagValues, engineFlags, engineHelp, engineOptions } from './engine-flags.ts'
import { chatInPage } from './page/page-engine.ts'
import { type MediaPolicy, serveMedia } from './page-media.ts'
import { EMBEDDED_MODEL, openSession, type Session } from './session.ts'
import { announce, clearBar, drawBar, loadingBar, log } from './terminal.ts'
import { parseFlags, UsageError, wholeNumber } from './usage.ts'

export const runBatchHelp = `ocellus run-batch -i IN.jsonl -o OUT.jsonl [flags]

Answers a file of chat requests, one a line, as vLLM and OpenAI write them:
  {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": […], "max_tokens": 64}}
Answers come in the order of the requests. A request that fails has its error in its line. Run again after a break, it goes on where it stopped.
Pictures: {"type": "image_url", "image_url": {"url": …}}; clips: {"type": "video", "video": [addresses of frames]}.

  -i, --input-file FILE
  -o, --output-file FILE
      --overwrite                starts anew instead of going on
      --served-model-name NAME   what requests call the model (default: what --model says)
      --concurrency N            requests under way at once (default: 32)
      --allowed-local-media-path DIR  lets file: URLs point below DIR
      --allowed-media-domains H  only fetches pictures from these hosts (comma-separated; may be repeated)

${engineHelp}`

const flags = {
  ...engineFlags,
  'input-file': { type: 'string', short: 'i' },
  'output-file': { type: 'string', short: 'o' },
  overwrite: { type: 'boolean' },
  'served-model-name': { type: 'string' },
  concurrency: { type: 'string' },
  'allowed-local-media-path': { type: 'string' },
  'allowed-media-domains': { type: 'string', multiple: true },
} as const

/** What every request of a run shares. */
interface Run {
  session: Session
  model: string
  policy: MediaPolicy
}

/** Runs the command and gives the exit status. Errors: UsageError, those of openSession; the output then holds what was answered before. */
export async function runBatch(args: readonly string[], onSession: (session: Session) => void): Promise<number> {
  const { values, positionals } = parseFlags(args, flags)
  if (values.help) {
    console.log(runBatchHelp)
    return 0
  }
  const [input, output] = [values['input-file'], values['output-file']]
  if (!input || !output) throw new UsageError('run-batch needs -i IN.jsonl and -o OUT.jsonl.')
  if (positionals.length > 0) throw new UsageError(`run-batch takes no '${positionals[0]}'; files are named by -i and -o.`)
  checkFiles(input, output)
  const concurrency = wholeNumber('concurrency', values.concurrency, 1) ?? 32
  const policy = mediaPolicy(values['allowed-local-media-path'], values['allowed-media-domains'])
  const engine = engineOptions(values as EngineFlagValues)
  const finished = values.overwrite ? { ...(await findFinished(input, '')), done: 0, bytes: 0 } : await findFinished(input, output)
  if (finished.done > 0) log(`${finished.done} of ${finished.total} requests are answered already in ${output}.`)
  const file = openSync(output, statSync(output, { throwIfNoEntry: false }) ? 'r+' : 'w')
  try {
    ftruncateSync(file, finished.bytes)
    if (finished.done === finished.total) return 0
    const name = values.model ?? EMBEDDED_MODEL
    const session = await openSession({
      model: name,
      engine,
      chromium: values.chromium,
      headed: values.headed,
      onProgress: loadingBar(name),
      log,
    })
    onSession(session)
    clearBar()
    announce(session.info)
    const run: Run = { session, model: values['served-model-name'] ?? name, policy }
    const failed = await answerAll(run, { input, file, concurrency, ...finished })
    clearBar()
    log(`${finished.total} requests answered in ${output}${failed > 0 ? `; ${failed} of them with an error` : ''}.`)
    return 0
  } finally {
    closeSync(file)
  }
}

function checkFiles(input: string, output: string): void {
  if (!statSync(input, { throwIfNoEntry: false })?.isFile()) throw new UsageError(`There is no file ${input}.`)
  if (resolve(input) === resolve(output)) throw new UsageError('The output would replace the input; name another file with -o.')
}

function mediaPolicy(localRoot: string | undefined, hosts: readonly string[] | undefined): MediaPolicy {
  if (localRoot !== undefined && !statSync(localRoot, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--allowed-local-media-path is ${localRoot}, which is no folder.`)
  }
  const domains = hosts?.flatMap((host) => host.split(',')).map((host) => host.trim().toLowerCase())
  return { localRoot, domains, publicOnly: true }
}

interface Work {
  input: string
  file: number
  concurrency: number
  total: number
  done: number
  bytes: number
}

/**
 * Keeps up to `concurrency` requests under way and writes their lines in order, each whole in one write. Gives the number of lines with
 * errors. Errors: what ends the engine; nothing is written for requests that were under way.
 */
async function answerAll(run: Run, { input, file, concurrency, total, done, bytes }: Work): Promise<number> {
  const pending: Promise<BatchResult>[] = []
  const start = performance.now()
  let failed = 0
  let written = done
  let at = bytes
  const writeFirst = async (): Promise<void> => {
    const result = await (pending.shift() as Promise<BatchResult>)
    if (result.error) failed++
    at += writeWhole(file, Buffer.from(`${JSON.stringify(result)}\n`), at)
    written++
    const speed = ((written - done) * 1000) / (performance.now() - start)
    drawBar('Answering', written, total, `${written} of ${total}, ${speed.toFixed(2)} a second`)
  }
  drawBar('Answering', written, total, `${written} of ${total}`)
  let index = 0
  for await (const line of linesOf(input)) {
    if (index++ < done) continue
    const answer = answerLine(run, index, line)
    // Its turn to be awaited may come after another has failed.
    answer.catch(() => {})
    pending.push(answer)
    if (pending.length >= concurrency) await writeFirst()
  }
  while (pending.length > 0) await writeFirst()
  return failed
}

function writeWhole(file: number, bytes: Uint8Array, position: number): number {
  let written = 0
  while (written < bytes.length) written += writeSync(file, bytes, written, bytes.length - written, position + written)
  return written
}

/** One line's answer. Its own errors become its line; errors of the engine reject. */
async function answerLine({ session, model, policy }: Run, id: number, text: string): Promise<BatchResult> {
  let custom_id = customIdOf(text)
  try {
    const line = readBatchLine(text)
    custom_id = line.custom_id
    const asked = line.body['model']
    if (asked != null && asked !== model) {
      throw Object.assign(
        new Error(`model is ${JSON.stringify(asked)}, but this run has ${model}; say --served-model-name to call it otherwise.`),
        { name: 'ModelNotFoundError' },
      )
    }
    const { messages, sampling, options, topLogprobs } = readChatBody(line.body)
    const served = await serveMedia(messages, session.server, policy)
    try {
      const output = await session.call(chatInPage, { id, messages: served.messages, sampling, options })
      return answeredLine(custom_id, model, output, topLogprobs)
    } finally {
      served.release()
    }
  } catch (error) {
    if (['EngineGoneError', 'DeviceLostError', 'AbortError'].includes((error as Error).name)) throw error
    return failedLine(custom_id, error)
  }
}
