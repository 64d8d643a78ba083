import { namedError } from '../util/errors.ts'

/** OpenAI's error object; all four keys are always there. */
export interface OpenAIError {
  message: string
  type: string
  param: string | null
  code: string | null
}

/** A failure as HTTP says it. */
export interface ErrorAnswer {
  status: number
  headers: Readonly<Record<string, string>>
  body: { error: OpenAIError }
}

/** What the wire says beside an error's message, where its name does not say it all. */
export interface ErrorDetails {
  status?: number
  code?: string
  /** The field that is to blame, e.g. messages[0].content[1].image_url.url. */
  param?: string
  headers?: Readonly<Record<string, string>>
}

/** An error with what the wire needs to know of it. Its status is 400 unless it says otherwise. */
export const refusal = (message: string, details: ErrorDetails = {}): Error & ErrorDetails =>
  Object.assign(namedError('InvalidRequestError', message), details)

/** The request's field `param` is wrong in itself. */
export const wrongField = (param: string, message: string, code?: string): Error & ErrorDetails =>
  refusal(message, { param, ...(code !== undefined && { code }) })

/** Retrying would cost the same work and fail again. */
const hopeless = { 'x-should-retry': 'false' }
const soon = { 'retry-after': '1' }

interface Kind {
  readonly status: number
  readonly code: string | null
  readonly headers?: Readonly<Record<string, string>>
}

const byName: Readonly<Record<string, Kind>> = {
  InvalidRequestError: { status: 400, code: null },
  ContextLengthError: { status: 400, code: 'context_length_exceeded' },
  MediaError: { status: 400, code: 'invalid_image' },
  QueueFullError: { status: 429, code: 'queue_full', headers: { ...soon, 'retry-after-ms': '1000' } },
  // Another page or a reloaded model may take over.
  DeviceLostError: { status: 503, code: 'device_lost', headers: soon },
  // Nobody but the end of the engine aborts a request that its reader still waits for.
  AbortError: { status: 503, code: 'engine_gone', headers: soon },
  EngineNotReadyError: { status: 503, code: 'engine_not_ready', headers: soon },
  WebGPUUnavailableError: { status: 503, code: 'engine_not_ready', headers: hopeless },
  ModelLoadError: { status: 503, code: 'engine_not_ready', headers: hopeless },
  OutOfMemoryError: { status: 503, code: 'out_of_memory', headers: hopeless },
  InvalidLogitsError: { status: 500, code: 'nan_logits', headers: hopeless },
}

const statusByCode: Readonly<Record<string, number>> = {
  media_too_large: 413,
  media_fetch_failed: 422,
  media_timeout: 504,
  timeout: 504,
  engine_gone: 503,
  engine_not_ready: 503,
}

const internal: Kind = { status: 500, code: 'internal_error', headers: hopeless }

/** Names of fields in the engine's messages that the request may have called otherwise. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  max_tokens: ['max_completion_tokens'],
  structured_outputs: ['response_format', 'guided_json', 'guided_regex', 'guided_choice', 'tool_choice'],
  logprobs: ['top_logprobs'],
  prompt: ['messages'],
  prompt_token_ids: ['prompt'],
}

const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(record, key) ? record[key] : undefined)

/** The field that an error's message begins with, if the request has it. */
function leadingField(message: string, body: Readonly<Record<string, unknown>> | undefined): string | null {
  const [path, root = ''] = /^(\w+)(?:\.\w+|\[[^\]]*\])*(?= )/.exec(message) ?? []
  const given = (name: string): boolean => own(body ?? {}, name) != null
  return path === undefined ? null : given(root) ? path : (own(aliases, root)?.find(given) ?? null)
}

/**
 * How an error is said on the wire: status, type and code by its name, and by its code where it has one. `body` is the request's, for the
 * `param` of errors that begin with the name of one of its fields.
 */
export function errorAnswer(thrown: unknown, body?: Readonly<Record<string, unknown>>): ErrorAnswer {
  const { name, message, ...details } = describe(thrown)
  const kind = own(byName, name) ?? internal
  const code = details.code ?? kind.code
  const status = details.status ?? own(statusByCode, code ?? '') ?? kind.status
  const type = status === 429 ? 'rate_limit_error' : status < 500 ? 'invalid_request_error' : 'server_error'
  return {
    status,
    headers: details.headers ?? (code === 'timeout' ? hopeless : (kind.headers ?? {})),
    body: { error: { message, type, param: details.param ?? leadingField(message, body), code } },
  }
}

function describe(thrown: unknown): ErrorDetails & { name: string; message: string } {
  if (typeof thrown !== 'object' || thrown === null) return { name: '', message: String(thrown) }
  const { name = '', message = '', status, code, param, headers } = thrown as Partial<Error> & ErrorDetails
  return {
    name,
    message,
    ...(typeof status === 'number' && { status }),
    // The code of a DOMException is a number and says nothing here.
    ...(typeof code === 'string' && { code }),
    ...(typeof param === 'string' && { param }),
    ...(headers && { headers }),
  }
}

/** An error as a response of its own. */
export function errorResponse(thrown: unknown, body?: Readonly<Record<string, unknown>>): Response {
  const answer = errorAnswer(thrown, body)
  return Response.json(answer.body, { status: answer.status, headers: answer.headers })
}
