import { proxy, type Remote, releaseProxy, transfer, wrap } from 'comlink'
import type { EngineOptions, EngineRequest, EngineStats, ModelInfo, ProgressEvent, TraceEvent, WorkerApi } from '../protocol/engine-api.ts'
import type { EmbeddingRequestOutput, RequestOutput } from '../protocol/outputs.ts'
import type { SamplingParams } from '../protocol/sampling.ts'
import { abortError, deviceLostError, invalidRequestError, modelLoadError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import { mapBounded } from './bounded.ts'
import { collectEmbedding, collectOutput } from './collect-output.ts'
import { createFetch } from './fetch.ts'
import type { LocalEngine } from './local-engine.ts'
import { makeWorker, pageUrl } from './make-worker.ts'
import { type ModelCache, modelCache } from './model-cache.ts'
import { checkSampling, prepareChat, preparePrompt, type RequestHead } from './prepare-request.ts'
import type { ChatCallOptions, ChatMessage, EmbedOptions, GenerateOptions, Prompt } from './prompts.ts'
import { type EngineLink, type PreparedRequest, RequestEvents } from './request-events.ts'
import { TextStream } from './text-stream.ts'

/** Options of LLM.create: the engine's own (vLLM's names), and what belongs to the page. */
export interface LLMOptions extends Omit<EngineOptions, 'model'> {
  /** Hub id ('Qwen/Qwen2-VL-2B-Instruct'), URL of a folder (relative to the page if it starts with ./, ../ or /), files, or a directory handle. */
  model: EngineOptions['model'] | URL
  /** What requests to `fetch` may call the model; the first name stands in answers. Default: as `model` names it. */
  served_model_name?: string | readonly string[]
  /** Told of downloads, compilation and warm-up. */
  onProgress?: (event: ProgressEvent) => void
  /** Ends the loading. Later calls have signals of their own. */
  signal?: AbortSignal
  /** A worker running `ocellus/worker`, for bundlers that must see it made. dispose() leaves it to its owner. */
  worker?: Worker
  /** Where `ocellus/worker` lies, for hosts that move it. Default: beside this module. */
  workerUrl?: string | URL
}

/** max_tokens of generate(), as in vLLM; chat() and stream() go on to the end of max_model_len. */
const GENERATE_MAX_TOKENS = 16

/** Requests of one batch handed to the engine at a time: enough to keep it full, few enough that their pictures fit in memory. */
const BATCH_WIDTH = 64

/** How long the engine may take to free what it holds, in milliseconds. */
const DISPOSE_PATIENCE = 3000

/** How long an engine that has ended may take to say why, in milliseconds. */
const LAST_WORDS = 200

/**
 * A model on the GPU, in a worker of its own, with vLLM's interface. Made by LLM.create, ended by dispose().
 *
 * Errors are told by `name`: InvalidRequestError (a field; what it was, what it may be), ContextLengthError, MediaError (a picture that
 * cannot be fetched or decoded), DeviceLostError (GPU or worker gone; make a new LLM), AbortError (dispose, or whatever the signal's
 * reason is). A failed request leaves the others alone.
 */
export class LLM {
  /** Models that are kept in the browser's storage, so that they load faster the next time: what there is, and how to be rid of it. */
  static readonly cache: ModelCache = modelCache
  /** What was loaded, and on which GPU. */
  readonly info: ModelInfo
  /** The engine as routers use it: requests as the engine takes them, their events on ports of the caller's. */
  readonly served: LocalEngine
  /**
   * Answers OpenAI's routes (POST …/v1/chat/completions, /v1/completions, /v1/embeddings, GET …/v1/models, /health and so on) from this
   * model, without a network: give it to a client as its `fetch`. Takes what the platform's fetch takes, with relative and absolute URLs of
   * any origin, and keeps to its rules: it rejects only with the signal's reason, and failures are answers with a status and an error object.
   */
  readonly fetch: typeof fetch
  readonly #engine: EngineConnection
  #requests = 0

  private constructor(engine: EngineConnection, info: ModelInfo, names: LLMOptions['served_model_name']) {
    this.#engine = engine
    this.info = info
    this.served = {
      info,
      created: Math.floor(Date.now() / 1000),
      gone: engine.gone,
      lock: engine.lock,
      submit: (request, port) => engine.hand(request, [], port),
      tokenize: (input) => engine.call((remote) => remote.tokenize(input)),
      detokenize: (ids) => engine.call((remote) => remote.detokenize(ids)),
    }
    this.fetch = createFetch(this.served, names)
  }

  /**
   * Loads a model. Errors: WebGPUUnavailableError, ModelLoadError (not found, damaged, not supported, too large), InvalidRequestError (an
   * option), the signal's reason.
   */
  static async create(options: LLMOptions): Promise<LLM> {
    const { onProgress, signal, worker, workerUrl, served_model_name, ...rest } = options ?? {}
    signal?.throwIfAborted()
    const engineOptions: EngineOptions = { ...rest, model: absoluteModel(rest.model) }
    const engine = new EngineConnection(worker, workerUrl)
    try {
      return new LLM(engine, await engine.load(engineOptions, onProgress, signal), served_model_name)
    } catch (error) {
      await engine.close(error)
      throw error
    }
  }

  /**
   * Continues one prompt or several, and gives one output per prompt in their order. A list of sampling_params goes with a list of prompts
   * of the same length. max_tokens is 16 unless given, as in vLLM. Rejects with the first request that fails, ending the others.
   */
  generate(
    prompts: Prompt | readonly Prompt[],
    sampling_params: SamplingParams | readonly SamplingParams[] = {},
    options: GenerateOptions = {},
  ): Promise<RequestOutput[]> {
    const list = isList(prompts) ? prompts : [prompts]
    const open = (head: RequestHead, prompt: Prompt): Promise<PreparedRequest> =>
      preparePrompt({ ...head, sampling: { ...head.sampling, max_tokens: head.sampling.max_tokens ?? GENERATE_MAX_TOKENS } }, prompt)
    return this.#runAll(list, sampling_params, options.signal, open)
  }

  /**
   * Answers one conversation or several, each rendered with the model's chat template, and gives one output per conversation in their
   * order. max_tokens defaults to what is left of max_model_len. Rejects with the first request that fails, ending the others.
   */
  chat(
    messages: readonly ChatMessage[] | readonly (readonly ChatMessage[])[],
    sampling_params: SamplingParams | readonly SamplingParams[] = {},
    options: ChatCallOptions = {},
  ): Promise<RequestOutput[]> {
    const list = isConversationList(messages) ? messages : [messages]
    return this.#runAll(list, sampling_params, options.signal, (head, conversation) => prepareChat(head, conversation, options))
  }

  /**
   * Turns one prompt or conversation into a vector of length 1, or several, and gives one output for each in their order. The model must have
   * been loaded with task: 'embed'. Rejects with the first request that fails, ending the others.
   */
  embed(
    inputs: Prompt | readonly Prompt[] | readonly ChatMessage[] | readonly (readonly ChatMessage[])[],
    options: EmbedOptions = {},
  ): Promise<EmbeddingRequestOutput[]> {
    const { dimensions } = options
    const pooling = dimensions == null ? {} : { dimensions }
    const prepare = (head: RequestHead, input: Prompt | readonly ChatMessage[]): Promise<PreparedRequest> =>
      isConversation(input) ? prepareChat({ ...head, pooling }, input, options) : preparePrompt({ ...head, pooling }, input)
    return this.#runEach(embedInputs(inputs), {}, options.signal, prepare, collectEmbedding)
  }

  /**
   * One prompt's or conversation's answer as it is written: for await (const { text } of llm.stream(…)). The last chunk has no text but the
   * request's usage. The request starts with the first chunk asked for, and its pictures are those of that moment. `break`, return() and the
   * signal end it in the engine. max_tokens defaults to what is left of max_model_len.
   */
  stream(input: Prompt | readonly ChatMessage[], sampling_params: SamplingParams = {}, options: ChatCallOptions = {}): TextStream {
    const request_id = String(this.#requests++)
    const prepare = async (signal: AbortSignal): Promise<PreparedRequest> => {
      const head: RequestHead = { request_id, sampling: checkSampling(sampling_params), signal }
      return isConversation(input) ? prepareChat(head, input, options) : preparePrompt(head, input)
    }
    return new TextStream(request_id, new RequestEvents(this.#engine, prepare, options.signal))
  }

  /**
   * Text as the model's token ids. add_special_tokens: with those its tokenizer puts around a text. Default true, as transformers.
   * Errors: ContextLengthError for far more text than a prompt can have.
   */
  tokenize(text: string, options: { add_special_tokens?: boolean } = {}): Promise<number[]> {
    if (typeof text !== 'string') return Promise.reject(invalidRequestError(`tokenize takes a string, got ${showValue(text)}.`))
    return this.served.tokenize({ prompt: text, ...options }).then(({ tokens }) => tokens)
  }

  /** Token ids as text, special tokens included. */
  detokenize(ids: readonly number[]): Promise<string> {
    if (!isList(ids) || !ids.every((id) => Number.isInteger(id) && id >= 0)) {
      return Promise.reject(invalidRequestError(`detokenize takes a list of token ids, got ${showValue(ids)}.`))
    }
    return this.served.detokenize([...ids])
  }

  /** The engine's counters: tokens, steps, GPU bytes, work per step. */
  stats(): Promise<EngineStats> {
    return this.#engine.call((engine) => engine.stats())
  }

  /**
   * What the GPU did of late, dispatch by dispatch (the last 200 000), and the engine meanwhile, for a model loaded with profile: true.
   * JSON.stringify({ traceEvents }) is a file for chrome://tracing and Perfetto. Errors: InvalidRequestError without profile.
   */
  trace(): Promise<TraceEvent[]> {
    return this.#engine.call((engine) => engine.trace())
  }

  /** Ends open requests with AbortError, frees the GPU and ends the worker. A second call waits for the first. */
  dispose(): Promise<void> {
    return this.#engine.close(abortError('The LLM was disposed of.'))
  }

  #runAll<T>(
    inputs: readonly T[],
    sampling_params: SamplingParams | readonly SamplingParams[],
    signal: AbortSignal | undefined,
    prepare: (head: RequestHead, input: T) => Promise<PreparedRequest>,
  ): Promise<RequestOutput[]> {
    return this.#runEach(inputs, sampling_params, signal, prepare, collectOutput)
  }

  async #runEach<T, R>(
    inputs: readonly T[],
    sampling_params: SamplingParams | readonly SamplingParams[],
    signal: AbortSignal | undefined,
    prepare: (head: RequestHead, input: T) => Promise<PreparedRequest>,
    collect: (request_id: string, events: RequestEvents) => Promise<R>,
  ): Promise<R[]> {
    const sampling = isList(sampling_params) ? sampling_params : inputs.map(() => sampling_params)
    if (sampling.length !== inputs.length) {
      throw invalidRequestError(`${inputs.length} prompts came with ${sampling.length} sampling_params; give one for all or one for each.`)
    }
    const others = new AbortController()
    const signals = signal ? AbortSignal.any([signal, others.signal]) : others.signal
    const requests = inputs.map((input, i) => ({ request_id: String(this.#requests++), input, sampling: checkSampling(sampling[i]) }))
    try {
      return await mapBounded(requests, BATCH_WIDTH, ({ request_id, input, sampling }) => {
        const open = (signal: AbortSignal): Promise<PreparedRequest> => prepare({ request_id, sampling, signal }, input)
        return collect(request_id, new RequestEvents(this.#engine, open, signals))
      })
    } catch (error) {
      others.abort(error)
      throw error
    }
  }
}

/** The worker and what can happen to it. Every promise it hands out is settled when it ends, however it ends. */
class EngineConnection implements EngineLink {
  /** Name of the Web Lock that the worker holds while it lives. */
  readonly lock = `ocellus-${crypto.randomUUID()}`
  readonly #gone = new AbortController()
  readonly #locked: Promise<void>
  readonly #worker: Worker
  readonly #owned: boolean
  readonly #remote: Remote<WorkerApi>
  readonly #ended = new AbortController()
  readonly #listeners = new Set<(reason: unknown) => void>()
  #closed: { reason: unknown; done: Promise<void> } | undefined

  constructor(worker: Worker | undefined, workerUrl: string | URL | undefined) {
    this.#owned = !worker
    this.#worker = worker ?? makeWorker(workerUrl)
    this.#remote = wrap<WorkerApi>(this.#worker)
    this.#worker.addEventListener('error', this.#onError)
    // Without a worker that answers, or locks, there is nothing to watch: errors and dispose() still end the connection.
    this.#locked = this.#remote.holdLock(this.lock)
    this.#watch().catch(() => {})
  }

  /** Aborted with the reason when the engine has ended. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  async load(options: EngineOptions, onProgress: LLMOptions['onProgress'], signal: AbortSignal | undefined): Promise<ModelInfo> {
    const onAbort = (): void => {
      // The worker may be deep in a download: it is told to stop, but not waited for.
      void this.#remote.cancelLoad().catch(() => {})
      void this.close(signal?.reason, 0)
    }
    signal?.addEventListener('abort', onAbort)
    try {
      return await this.call(async (engine) => {
        // Whoever is told of this engine looks at its lock to see whether it lives.
        await this.#locked.catch(() => {})
        return engine.load(
          options,
          proxy((event: ProgressEvent) => onProgress?.(event)),
        )
      })
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  submit({ request, transfer: moved }: PreparedRequest, port: MessagePort): Promise<void> {
    return this.hand(request, moved, port)
  }

  hand(request: EngineRequest, moved: Transferable[], port: MessagePort): Promise<void> {
    return this.call((engine) => engine.submit(transfer(request, moved), transfer(port, [port])))
  }

  /** Calls the engine; rejects when the worker ends first, which comlink alone would never notice. */
  async call<T>(work: (engine: Remote<WorkerApi>) => Promise<T>): Promise<T> {
    let stop = (): void => {}
    const ended = new Promise<never>((_, reject) => {
      stop = this.onClosed(reject)
    })
    try {
      return await (this.#closed ? ended : Promise.race([ended, work(this.#remote)]))
    } catch (error) {
      if (error instanceof DOMException && error.name === 'DataCloneError') {
        // A function among the template's variables, a detached buffer.
        throw invalidRequestError(`What was given cannot be sent to the engine's worker: ${error.message}`)
      }
      throw error
    } finally {
      stop()
    }
  }

  onClosed(listener: (reason: unknown) => void): () => void {
    if (this.#closed) listener(this.#closed.reason)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Ends the engine; everything under way and every later call is given `reason`. `patience`: how long the engine may take to free what it
   * holds before its worker is ended regardless, in milliseconds.
   */
  close(reason: unknown, patience = DISPOSE_PATIENCE): Promise<void> {
    this.#closed ??= { reason, done: this.#shutDown(patience) }
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    for (const listener of listeners) listener(reason)
    this.#gone.abort(reason)
    return this.#closed.done
  }

  /** A worker that ends by itself, or is terminated by its owner, says nothing; but it lets go of its lock. */
  async #watch(): Promise<void> {
    await this.#locked
    await navigator.locks.request(this.lock, { signal: this.#ended.signal }, () => {})
    // A worker that lives on knows what its engine has died of.
    const told = this.#remote.stats().then(
      () => undefined,
      (error: unknown) => error,
    )
    const reason = await Promise.race([told, new Promise<undefined>((resolve) => setTimeout(resolve, LAST_WORDS))])
    await this.close(reason ?? deviceLostError("The engine's worker has ended while it was needed. Make a new LLM."), 0)
  }

  async #shutDown(patience: number): Promise<void> {
    this.#ended.abort()
    await Promise.race([this.#remote.dispose().catch(() => {}), new Promise((resolve) => setTimeout(resolve, patience))])
    this.#worker.removeEventListener('error', this.#onError)
    this.#remote[releaseProxy]()
    if (this.#owned) this.#worker.terminate()
  }

  readonly #onError = (event: ErrorEvent): void => {
    event.preventDefault?.()
    const where = event.filename ? ` (${event.filename}:${event.lineno})` : ''
    // A script that cannot be loaded gives an event without a message.
    const error = event.message
      ? deviceLostError(`The engine's worker failed: ${event.message}${where}. Make a new LLM.`)
      : modelLoadError("The engine's worker could not be started; check that the file that `workerUrl` or the bundler points at exists.")
    void this.close(error, 0)
  }
}

const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value)

const isConversation = (input: Prompt | readonly ChatMessage[]): input is readonly ChatMessage[] => Array.isArray(input)

/** A list whose entries have roles is one conversation; any other list holds prompts or conversations. */
function embedInputs(
  inputs: Prompt | readonly Prompt[] | readonly ChatMessage[] | readonly (readonly ChatMessage[])[],
): readonly (Prompt | readonly ChatMessage[])[] {
  if (!isList<unknown>(inputs)) return [inputs as Prompt]
  const [first] = inputs
  const isMessage = typeof first === 'object' && first !== null && 'role' in first
  return isMessage ? [inputs as readonly ChatMessage[]] : (inputs as readonly (Prompt | readonly ChatMessage[])[])
}

/** One conversation is a list of messages; several are a list of lists. */
const isConversationList = (
  messages: readonly ChatMessage[] | readonly (readonly ChatMessage[])[],
): messages is readonly (readonly ChatMessage[])[] => Array.isArray(messages) && messages.length > 0 && Array.isArray(messages[0])

/** A relative URL means the page's folder; the worker, which lies elsewhere, gets it whole. */
function absoluteModel(model: LLMOptions['model']): EngineOptions['model'] {
  if (model instanceof URL) return model.href
  return typeof model === 'string' && /^(\/|\.\.?(\/|$))/.test(model) ? new URL(model, pageUrl()).href : model
}
