import { servingError } from '../gpu/device.ts'
import type {
  EngineApi,
  EngineOptions,
  EngineRequest,
  EngineStats,
  ModelInfo,
  ProgressEvent,
  TokenizeInput,
  TokenizeOutput,
  TraceEvent,
} from '../protocol/engine-api.ts'
import { chooseChatTemplate } from '../text/chat-template-source.ts'
import { abortError, invalidRequestError, messageOf, queueFullError } from '../util/errors.ts'
import { toolFormatOf } from '../util/tool-format.ts'
import { checkOptions } from './config.ts'
import { lossOf } from './device-loss.ts'
import { type LoadedModel, loadModel } from './load-model.ts'
import { type AccessEnvironment, openModel } from './model-access.ts'
import { closeMedia } from './prepare-media.ts'
import { Reader } from './reader.ts'
import type { MakeConverter } from './row-converter.ts'
import { warmUp } from './warm-up.ts'

/** What an engine may be made to use in place of the platform's own. */
export interface EngineEnvironment extends AccessEnvironment {
  readonly gpu?: GPU
  /** What converts weights. Default: the engine itself. */
  readonly makeConverter?: MakeConverter
}

/**
 * The engine behind the worker's door: loads one model, reads requests and runs them together. Errors have one of our names;
 * those of a request after it was accepted come on its port.
 */
export class Engine implements EngineApi {
  readonly #environment: EngineEnvironment
  readonly #preparing = new Set<Reader>()
  #loading: AbortController | undefined
  #model: LoadedModel | undefined
  #settled: Promise<void> = Promise.resolve()
  #gone: Error | undefined
  readonly #over = new AbortController()

  constructor(environment: EngineEnvironment = {}) {
    this.#environment = environment
  }

  /** Aborted, with the reason, when the engine has ended: disposed of, device lost, or broken. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  async load(options: EngineOptions, onProgress: (event: ProgressEvent) => void): Promise<ModelInfo> {
    if (this.#gone) throw this.#gone
    if (this.#model || this.#loading) throw invalidRequestError('This engine has a model already; make another LLM for another model.')
    const loading = new AbortController()
    this.#loading = loading
    try {
      const checked = checkOptions(options)
      const { signal } = loading
      const { source, openId, keeping, save } = await openModel(checked, signal, this.#environment)
      const tell = (event: ProgressEvent): void => tellSafely(onProgress, event)
      const { gpu, makeConverter } = this.#environment
      const model = await loadModel({ source, openId, options: checked, onProgress: tell, signal, gpu, keeping, makeConverter })
      this.#model = model
      this.#watch(model)
      await warmUp(model, tell, signal)
      await save()
      signal.throwIfAborted()
      tell({ status: 'ready', name: source.name })
      return modelInfo(model)
    } catch (error) {
      this.#model?.gpu.destroy()
      this.#model = undefined
      throw loading.signal.aborted ? abortError('Loading the model was aborted.') : error
    } finally {
      this.#loading = undefined
    }
  }

  cancelLoad(): void {
    this.#loading?.abort()
  }

  async submit(request: EngineRequest, port: MessagePort): Promise<void> {
    try {
      await this.#open(request, new Reader(port, request.reader_lock))
    } catch (error) {
      // Refused before anything was read, it may still hold pictures.
      port.close()
      closeMedia(request.media)
      throw error
    }
  }

  async #open(request: EngineRequest, reader: Reader): Promise<void> {
    try {
      const model = this.#ready()
      checkQueue(model, this.#preparing.size)
      this.#preparing.add(reader)
      const accepted = await model.input.process(request, reader.signal)
      await this.#settled
      if (reader.signal.aborted) throw abortError()
      this.#ready()
      reader.attach(model.core.add(accepted, (event) => reader.post(event)))
    } catch (error) {
      reader.end()
      throw reader.signal.aborted ? (this.#gone ?? abortError()) : error
    } finally {
      this.#preparing.delete(reader)
    }
  }

  async tokenize(input: TokenizeInput): Promise<TokenizeOutput> {
    return this.#ready().input.tokenize(input)
  }

  async detokenize(ids: number[]): Promise<string> {
    return this.#ready().files.tokenizer.decode(ids, { skipSpecialTokens: false })
  }

  async stats(): Promise<EngineStats> {
    const { gpu, core, scheduler, kv, loadTimes, profiler } = this.#ready()
    const { counters } = gpu
    return {
      steps: core.counters.steps,
      generated_tokens: core.counters.generatedTokens,
      prompt_tokens: core.counters.promptTokens,
      cached_prompt_tokens: core.counters.cachedPromptTokens,
      submits: counters.submits,
      dispatches: counters.dispatches,
      bind_groups: counters.bindGroups,
      buffers: counters.buffers,
      queue_writes: counters.queueWrites,
      step_cpu_ms: counters.stepMilliseconds,
      media_encoded: counters.encodes,
      media_encode_ms: counters.encodeMilliseconds,
      load: {
        fetch_ms: loadTimes.total - loadTimes.convert - loadTimes.upload,
        convert_ms: loadTimes.convert,
        upload_ms: loadTimes.upload,
        bytes: loadTimes.bytes,
      },
      gpu_bytes: counters.bytes,
      gpu_bytes_peak: counters.bytesPeak,
      running: scheduler.running.length,
      waiting: scheduler.waiting.length,
      kv_blocks_used: kv.usedCount,
      kv_blocks_total: kv.total,
      ...(profiler && { kernels: Object.fromEntries([...profiler.times].map(([name, time]) => [name, { ...time }])) }),
    }
  }

  async trace(): Promise<TraceEvent[]> {
    const { profiler } = this.#ready()
    if (!profiler) throw invalidRequestError('There is no trace: the model was loaded without profile; load it with profile: true.')
    return profiler.trace()
  }

  async dispose(): Promise<void> {
    this.cancelLoad()
    this.end(abortError('The LLM was disposed of.'))
    this.#model?.gpu.destroy()
    this.#model = undefined
  }

  /** Ends every open request with this error; later ones are taken. */
  failOpen(error: Error): void {
    this.#model?.core.failAll(error)
  }

  /** Ends the engine: open requests and all later calls get this error. */
  end(error: Error): void {
    this.#gone ??= error
    for (const reader of this.#preparing) reader.abort()
    this.#model?.core.failAll(error)
    this.#over.abort(this.#gone)
  }

  /** A device that goes away, or an error nobody was waiting for, ends what it has touched. */
  #watch(model: LoadedModel): void {
    const { device } = model.gpu
    void lossOf(device).then((error) => {
      // A device of ours that we destroyed is no loss.
      if (this.#model === model) this.end(error)
    })
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent
      model.core.failAll(refusal(error))
      model.forget()
      // Errors of what was submitted before are told before this resolves; what comes next shall not be ended by them.
      this.#settled = device.queue.onSubmittedWorkDone().catch(() => undefined)
    })
  }

  #ready(): LoadedModel {
    if (this.#gone) throw this.#gone
    if (!this.#model) throw invalidRequestError('No model is loaded; call load() first and wait for it.')
    return this.#model
  }
}

/** What a request is told that ran when the GPU refused a command. */
function refusal(error: GPUError): Error {
  if (!(error instanceof GPUOutOfMemoryError)) return new Error(`The GPU refused a command: ${error.message}`)
  return servingError(error.message)
}

/** Errors: QueueFullError when as many requests wait as may. Those being prepared count, as far as there is no place free for them. */
function checkQueue({ core, scheduler, config }: LoadedModel, preparing: number): void {
  const { maxWaiting } = config
  const waiting = core.waitingCount
  const free = Math.max(0, scheduler.freePlaces - scheduler.waiting.length)
  if (waiting < maxWaiting && waiting + preparing < maxWaiting + free) return
  throw queueFullError(`${maxWaiting} requests are waiting already, as many as max_waiting_requests allows; try again in a moment.`)
}

/** A listener's failure is its own affair; over a worker's border it comes back as a rejected promise. */
function tellSafely(onProgress: (event: ProgressEvent) => unknown, event: ProgressEvent): void {
  try {
    const result = onProgress(event)
    if (result instanceof Promise) result.catch(() => undefined)
  } catch (error) {
    console.warn(`onProgress failed: ${messageOf(error)}`)
  }
}

function modelInfo({ gpu, config, modelType, family, files }: LoadedModel): ModelInfo {
  const { vendor, architecture, description } = gpu.adapterInfo
  return {
    model: config.modelName,
    model_type: modelType,
    max_model_len: config.maxModelLength,
    dtype: config.dtype,
    quantization: config.quantization,
    modalities: [...family.kinds],
    task: config.task,
    tool_format: toolFormat(files.templates),
    adapter: { vendor, architecture, description, software: gpu.software, features: [...gpu.device.features].sort() },
    gpu_bytes: gpu.counters.bytes,
  }
}

/** Of the template that a conversation with tools is rendered with. */
function toolFormat(templates: LoadedModel['files']['templates']): ModelInfo['tool_format'] {
  try {
    return toolFormatOf(chooseChatTemplate(templates, true))
  } catch {
    // No template, no conversations, no tools.
    return null
  }
}
