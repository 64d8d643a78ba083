import type { EngineApi, EngineOptions, EngineRequest, EngineStats, ModelInfo, ProgressEvent } from '../protocol/engine-api.ts'
import type { StreamEvent } from '../protocol/stream-events.ts'
import { abortError, invalidRequestError, messageOf } from '../util/errors.ts'
import { type ModelLocation, openSource, type SourceOptions } from '../weights/source.ts'
import { checkOptions } from './config.ts'
import { lossOf } from './device-loss.ts'
import { type LoadedModel, loadModel } from './load-model.ts'
import { warmUp } from './warm-up.ts'

/** What an engine may be made to use in place of the platform's own. */
export interface EngineEnvironment {
  readonly gpu?: GPU
  readonly fetch?: NonNullable<SourceOptions['fetch']>
}

/**
 * The engine behind the worker's door: loads one model, reads requests and runs them together. Errors have one of our names;
 * those of a request after it was accepted come on its port.
 */
export class Engine implements EngineApi {
  readonly #environment: EngineEnvironment
  readonly #preparing = new Set<AbortController>()
  #loading: AbortController | undefined
  #model: LoadedModel | undefined
  #settled: Promise<void> = Promise.resolve()
  #gone: Error | undefined

  constructor(environment: EngineEnvironment = {}) {
    this.#environment = environment
  }

  async load(options: EngineOptions, onProgress: (event: ProgressEvent) => void): Promise<ModelInfo> {
    if (this.#gone) throw this.#gone
    if (this.#model || this.#loading) throw invalidRequestError('This engine has a model already; make another LLM for another model.')
    const loading = new AbortController()
    this.#loading = loading
    try {
      const checked = checkOptions(options)
      const { signal } = loading
      const { fetch } = this.#environment
      const source = openSource(options.model as ModelLocation, {
        revision: options.revision,
        token: options.hf_token,
        signal,
        ...(fetch && { fetch }),
      })
      const tell = (event: ProgressEvent): void => tellSafely(onProgress, event)
      const model = await loadModel({ source, options: checked, onProgress: tell, signal, gpu: this.#environment.gpu })
      this.#model = model
      this.#watch(model)
      await warmUp(model, tell, signal)
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
    const model = this.#ready()
    const preparing = new AbortController()
    let abort = (): void => preparing.abort()
    port.onmessage = ({ data }: MessageEvent) => {
      if (data?.type === 'abort') abort()
    }
    this.#preparing.add(preparing)
    try {
      const accepted = await model.input.process(request, preparing.signal)
      await this.#settled
      if (preparing.signal.aborted) throw abortError()
      this.#ready()
      const handle = model.core.add(accepted, (event: StreamEvent) => {
        port.postMessage(event)
        if (event.type === 'done' || event.type === 'error') port.close()
      })
      abort = () => handle.abort()
    } catch (error) {
      port.close()
      throw preparing.signal.aborted ? (this.#gone ?? abortError()) : error
    } finally {
      this.#preparing.delete(preparing)
    }
  }

  async tokenize(text: string, addSpecialTokens: boolean): Promise<number[]> {
    return this.#ready().files.tokenizer.encode(text, { addSpecialTokens })
  }

  async detokenize(ids: number[]): Promise<string> {
    return this.#ready().files.tokenizer.decode(ids, { skipSpecialTokens: false })
  }

  async stats(): Promise<EngineStats> {
    const { gpu, core, scheduler, kv, kernelTimes } = this.#ready()
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
      gpu_bytes: counters.bytes,
      gpu_bytes_peak: counters.bytesPeak,
      running: scheduler.running.length,
      waiting: scheduler.waiting.length,
      kv_blocks_used: kv.usedCount,
      kv_blocks_total: kv.total,
      ...(kernelTimes && { kernels: Object.fromEntries([...kernelTimes].map(([name, time]) => [name, { ...time }])) }),
    }
  }

  async dispose(): Promise<void> {
    this.cancelLoad()
    this.#end(abortError('The LLM was disposed of.'))
    this.#model?.gpu.destroy()
    this.#model = undefined
  }

  /** A device that goes away, or an error nobody was waiting for, ends what it has touched. */
  #watch(model: LoadedModel): void {
    const { device } = model.gpu
    void lossOf(device).then((error) => {
      // A device of ours that we destroyed is no loss.
      if (this.#model === model) this.#end(error)
    })
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent
      model.core.failAll(refusal(error))
      model.forget()
      // Errors of what was submitted before are told before this resolves; what comes next shall not be ended by them.
      this.#settled = device.queue.onSubmittedWorkDone().catch(() => undefined)
    })
  }

  #end(error: Error): void {
    this.#gone ??= error
    for (const preparing of this.#preparing) preparing.abort()
    this.#model?.core.failAll(error)
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
  return new Error(
    `Out of GPU memory (${error.message}); send smaller pictures or fewer at a time, or create the LLM with a smaller max_model_len or quantization: 'q4'.`,
  )
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

function modelInfo({ gpu, config, modelType, family }: LoadedModel): ModelInfo {
  const { vendor, architecture, description } = gpu.adapterInfo
  return {
    model: config.modelName,
    model_type: modelType,
    max_model_len: config.maxModelLength,
    dtype: config.dtype,
    quantization: config.quantization,
    modalities: [...family.kinds],
    adapter: { vendor, architecture, description, software: gpu.software, features: [...gpu.device.features].sort() },
    gpu_bytes: gpu.counters.bytes,
  }
}
