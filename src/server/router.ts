import type { ServedEngine } from '../protocol/served-engine.ts'
import { abortError } from '../util/errors.ts'
import type { Call, Patience } from './call.ts'
import { chatCompletions } from './chat-completions.ts'
import { parseChatBody } from './chat-request.ts'
import { parseCompletionBody } from './completion-request.ts'
import { completions } from './completions.ts'
import { withEarlyHeaders } from './early-headers.ts'
import { embeddings, parseEmbeddingBody } from './embeddings.ts'
import { errorResponse, refusal } from './errors.ts'
import { engineGone } from './event-reader.ts'
import { listModels, retrieveModel } from './models.ts'
import { readJsonBody } from './request-body.ts'
import { detokenize, parseDetokenizeBody, parseTokenizeBody, tokenize } from './tokenize.ts'

/** What a router is made of. Times are in milliseconds. */
export interface RouterOptions extends Partial<Patience> {
  /** The engine that answers; rejects with a named error while there is none. Asked for every request. */
  engine(): Promise<ServedEngine>
  /** What the model is called, and further names for it. Default: the name it was loaded by. */
  models?: readonly string[]
  /** Largest body of a request. Default 64 MiB. */
  maxBodyBytes?: number
  /** What GET /version says. */
  version?: string
}

type Settings = Patience & Required<Omit<RouterOptions, 'models'>> & Pick<RouterOptions, 'models'>

/** A request and what is known of it so far. */
interface Exchange {
  readonly request: Request
  readonly settings: Settings
  readonly id: string
  /** Set once it has been read. */
  body?: Readonly<Record<string, unknown>>
}

interface Route {
  readonly method: 'GET' | 'POST'
  /** `rest` is what follows the route in the path, decoded. */
  answer(exchange: Exchange, rest: string): Promise<Response> | Response
}

/**
 * The endpoint as a function: OpenAI's and vLLM's routes, from Request to Response. Needs no more than fetch's globals, MessageChannel and
 * timers. Anything may stand before /v1, /health and the others in the path. Rejects only when the request's own signal is aborted.
 */
export function createRouter(options: RouterOptions): (request: Request) => Promise<Response> {
  const defaults = { acceptPatience: 1000, keepAlive: 10_000, answerTimeout: 280_000, maxBodyBytes: 64 * 2 ** 20, version: '' }
  const settings: Settings = { ...defaults, ...options }
  return async (request) => {
    const exchange: Exchange = { request, settings, id: idOf(request) }
    const response = await untilAborted(request.signal, dispatch(exchange)).catch((error: unknown) => {
      request.signal.throwIfAborted()
      return errorResponse(error, exchange.body)
    })
    response.headers.set('x-request-id', exchange.id)
    return response
  }
}

/** As vLLM: the caller's own id goes before one of ours. */
const idOf = (request: Request): string => request.headers.get('x-request-id') ?? crypto.randomUUID().replaceAll('-', '')

/** Waits no longer than its caller does. */
function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort)
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

const modelPrefix = '/v1/models/'

async function dispatch(exchange: Exchange): Promise<Response> {
  const { request } = exchange
  request.signal.throwIfAborted()
  const { pathname } = new URL(request.url)
  const path = pathname.slice(pathname.includes('/v1/') ? pathname.indexOf('/v1/') : pathname.lastIndexOf('/'))
  const rest = path.startsWith(modelPrefix) ? path.slice(modelPrefix.length) : ''
  const route = rest ? modelRoute : Object.hasOwn(routes, path) ? routes[path] : undefined
  if (!route) {
    const words = `There is nothing at ${request.method} ${pathname}; there is ${Object.keys(routes).join(', ')}.`
    throw refusal(words, { status: 404, code: 'unknown_url' })
  }
  if (request.method !== route.method && !(request.method === 'HEAD' && route.method === 'GET')) {
    const words = `${path} takes ${route.method}, not ${request.method}.`
    throw refusal(words, { status: 405, code: 'method_not_allowed', headers: { allow: route.method } })
  }
  const response = await route.answer(exchange, decode(rest))
  return request.method === 'HEAD' ? new Response(null, response) : response
}

/** A route that reads a body, checks it as far as it can, and then asks for the engine. */
const post = <T>(
  parse: (body: Readonly<Record<string, unknown>>) => T,
  answer: (call: Call, body: T) => Promise<Response> | Response,
): Route => ({
  method: 'POST',
  answer: async (exchange) => {
    const { request, settings } = exchange
    const given = await readJsonBody(request, settings.maxBodyBytes)
    exchange.body = given
    const body = parse(given)
    const left = new AbortController()
    const signal = AbortSignal.any([request.signal, left.signal])
    const answering = callOf(exchange, given, signal).then((call) => answer(call, body))
    if (given['stream'] !== true) return answering
    return withEarlyHeaders(untilAborted(signal, answering), {
      patience: settings.acceptPatience,
      keepAlive: settings.keepAlive,
      signal: request.signal,
      onCancel: () => left.abort(abortError()),
      errorResponse: (error) => errorResponse(error, given),
    })
  },
})

const get = (answer: (call: Call, rest: string) => Response): Route => ({
  method: 'GET',
  answer: async (exchange, rest) => answer(await callOf(exchange, {}), rest),
})

const routes: Readonly<Record<string, Route>> = {
  '/v1/chat/completions': post(parseChatBody, chatCompletions),
  '/v1/completions': post(parseCompletionBody, completions),
  '/v1/embeddings': post(parseEmbeddingBody, embeddings),
  '/v1/models': get(listModels),
  '/tokenize': post(parseTokenizeBody, tokenize),
  '/detokenize': post(parseDetokenizeBody, detokenize),
  '/health': get(() => new Response(null)),
  '/version': { method: 'GET', answer: ({ settings: { version } }) => Response.json({ version }) },
}

const modelRoute = get(retrieveModel)

/** Errors: those of the engine's absence. */
async function callOf(
  { request, settings, id }: Exchange,
  body: Readonly<Record<string, unknown>>,
  signal = request.signal,
): Promise<Call> {
  const engine = await settings.engine()
  if (engine.gone.aborted) throw engineGone(engine)
  const { request_id } = body
  return {
    request,
    signal,
    body,
    engine,
    models: settings.models?.length ? settings.models : [engine.info.model],
    id: request.headers.has('x-request-id') || typeof request_id !== 'string' ? id : request_id,
    patience: settings,
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
