import { closeSync, ftruncateSync, openSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { findFinished } from './batch-file.ts'
import { answerAll } from './batch-work.ts'
import { type EngineFlagValues, engineFlags, engineHelp, engineOptions } from './engine-flags.ts'
import { mediaEngineOptions, mediaFlags, mediaHelp, mediaPolicy } from './media-flags.ts'
import { EMBEDDED_MODEL, openSession, type Session } from './session.ts'
import { announce, clearBar, loadingBar, log } from './terminal.ts'
import { parseFlags, UsageError, wholeNumber } from './usage.ts'

export const runBatchHelp = `ocellus run-batch -i IN.jsonl -o OUT.jsonl [flags]

Answers a file of requests, one a line, as vLLM and OpenAI write them:
  {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": […], "max_tokens": 64}}
url may be /v1/chat/completions, /v1/completions or /v1/embeddings. Answers come in the order of the requests. A request that fails has its
error in its line. Run again after a break, it goes on where it stopped.

  -i, --input-file FILE
  -o, --output-file FILE
      --overwrite                starts anew instead of going on
      --served-model-name NAME   what requests call the model (default: what --model says); may be repeated
      --concurrency N            requests under way at once in each engine (default: 32)
      --workers N                engines, each with the whole model in memory (default: 1)

${mediaHelp}

${engineHelp}`

const flags = {
  ...engineFlags,
  ...mediaFlags,
  'input-file': { type: 'string', short: 'i' },
  'output-file': { type: 'string', short: 'o' },
  overwrite: { type: 'boolean' },
  'served-model-name': { type: 'string', multiple: true },
  concurrency: { type: 'string' },
  workers: { type: 'string' },
} as const

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
  const workers = wholeNumber('workers', values.workers, 1) ?? 1
  const model = values.model ?? EMBEDDED_MODEL
  const engine = {
    max_waiting_requests: Math.max(256, concurrency),
    ...engineOptions(values as EngineFlagValues),
    ...mediaEngineOptions(values),
    served_model_name: values['served-model-name'] ?? model,
  }
  const policy = mediaPolicy(values, engine.limit_mm_per_prompt)
  const finished = values.overwrite ? { ...(await findFinished(input, '')), done: 0, bytes: 0 } : await findFinished(input, output)
  if (finished.done > 0) log(`${finished.done} of ${finished.total} requests are answered already in ${output}.`)
  const file = openSync(output, statSync(output, { throwIfNoEntry: false }) ? 'r+' : 'w')
  try {
    ftruncateSync(file, finished.bytes)
    if (finished.done === finished.total) return 0
    const { chromium, headed } = values
    const session = await openSession({ model, engine, workers, chromium, headed, onProgress: loadingBar(model), log })
    onSession(session)
    clearBar()
    announce(session.info)
    const failed = await answerAll({ session, policy, input, file, concurrency, ...finished })
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
