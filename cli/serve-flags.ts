import { type EngineFlagValues, engineFlags, engineHelp, engineOptions } from './engine-flags.ts'
import { mediaEngineOptions, mediaFlags, mediaHelp, mediaPolicy } from './media-flags.ts'
import type { MediaPolicy } from './page-media.ts'
import { EMBEDDED_MODEL, type SessionOptions } from './session.ts'
import { decimal, parseFlags, spreadLists, UsageError, wholeNumber } from './usage.ts'

export const serveHelp = `ocellus serve [MODEL] [flags]

Answers OpenAI's HTTP interface, as vllm serve does: /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models, /tokenize,
/detokenize, /health, /version.

      --host H                   address to listen at (default: 127.0.0.1; 0.0.0.0 lets other machines in)
      --port N                   (default: 8000; 0 takes a free one)
      --api-key K…               what clients must send as their key (default: OCELLUS_API_KEY of the environment, or none)
      --served-model-name N…     what requests call the model, the first in answers (default: MODEL)
      --allowed-origins O…       origins whose pages may read answers (default: *)
      --shutdown-timeout S       seconds that answers under way may take at the end (default: 10)
      --disable-uvicorn-access-log, --disable-log-requests
                                 no line for each request

${mediaHelp}

${engineHelp}`

const flags = {
  ...engineFlags,
  ...mediaFlags,
  host: { type: 'string' },
  port: { type: 'string' },
  'api-key': { type: 'string', multiple: true },
  'served-model-name': { type: 'string', multiple: true },
  'allowed-origins': { type: 'string', multiple: true },
  'shutdown-timeout': { type: 'string' },
  'disable-uvicorn-access-log': { type: 'boolean' },
  'disable-log-requests': { type: 'boolean' },
} as const

/** What `serve` was asked for. */
export interface ServeOptions {
  host: string
  port: number
  keys: readonly string[]
  origins: readonly string[]
  /** Milliseconds that answers under way may take at the end. */
  patience: number
  logRequests: boolean
  policy: MediaPolicy
  session: Omit<SessionOptions, 'log' | 'onProgress'>
  /** What requests call the model; the first stands in answers. */
  names: readonly string[]
}

/** Reads the flags; undefined: only help was asked for. Errors: UsageError. */
export function readServeFlags(args: readonly string[]): ServeOptions | undefined {
  const { values, positionals } = parseFlags(spreadLists(args, ['api-key', 'served-model-name', 'allowed-origins']), flags)
  if (values.help) return undefined
  if (positionals.length > 1) throw new UsageError(`serve takes one model, not also '${positionals[1]}'.`)
  if (positionals[0] !== undefined && values.model !== undefined) {
    throw new UsageError(`The model is named twice: ${positionals[0]} and --model ${values.model}.`)
  }
  const model = positionals[0] ?? values.model ?? EMBEDDED_MODEL
  const port = wholeNumber('port', values.port, 0) ?? 8000
  if (port > 65_535) throw new UsageError(`--port is ${port}; the highest there is is 65535.`)
  const seconds = decimal('shutdown-timeout', values['shutdown-timeout']) ?? 10
  if (seconds < 0) throw new UsageError(`--shutdown-timeout is ${seconds}; it must not be negative.`)
  const keys = values['api-key'] ?? keysOfEnvironment()
  if (keys.includes('')) throw new UsageError('--api-key is empty, which would let everybody in; give a key, or leave the flag out.')
  const names = values['served-model-name'] ?? [model]
  const engine = { ...engineOptions(values as EngineFlagValues), ...mediaEngineOptions(values), served_model_name: names }
  return {
    host: values.host ?? '127.0.0.1',
    port,
    keys,
    origins: values['allowed-origins'] ? originList(values['allowed-origins']) : ['*'],
    patience: seconds * 1000,
    logRequests: !values['disable-uvicorn-access-log'] && !values['disable-log-requests'],
    policy: mediaPolicy(values, engine.limit_mm_per_prompt),
    session: { model, engine, chromium: values.chromium, headed: values.headed },
    names,
  }
}

const keysOfEnvironment = (): string[] => {
  const key = process.env['OCELLUS_API_KEY']
  return key ? [key] : []
}

/** Names with spaces or commas between them, or vLLM's JSON list. */
function originList(values: readonly string[]): string[] {
  return values.flatMap((value) => {
    if (!value.trimStart().startsWith('[')) return value.split(',').map((origin) => origin.trim())
    try {
      return (JSON.parse(value) as unknown[]).map(String)
    } catch {
      throw new UsageError(`--allowed-origins is '${value}'; write origins such as https://example.org, or a JSON list of them.`)
    }
  })
}
