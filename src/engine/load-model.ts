import { type Gpu, openGpu } from '../gpu/device.ts'
import { createProfiler, type Profiler } from '../gpu/profiler.ts'
import { bufferOf } from '../gpu/program.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { BLOCK_SIZE, type KvLayer } from '../layers/batch.ts'
import type { WeightReader } from '../layers/weights.ts'
import type { AnyFamily, DecoderShape, HostArray } from '../models/family.ts'
import { findFamily } from '../models/registry.ts'
import type { ProgressEvent, QuantizationOption } from '../protocol/engine-api.ts'
import { modelLoadError, webGPUUnavailableError } from '../util/errors.ts'
import { type Checkpoint, openCheckpoint } from '../weights/checkpoint.ts'
import { int4Checkpoint } from '../weights/int4-checkpoint.ts'
import { int4FormatOf } from '../weights/int4-config.ts'
import type { ModelSource } from '../weights/model-source.ts'
import { type CheckedOptions, type EngineConfig, resolveConfig } from './config.ts'
import { EncoderCache } from './encoder-cache.ts'
import { EngineCore } from './engine-core.ts'
import { InputProcessor } from './input-processor.ts'
import { KvCache } from './kv-cache.ts'
import type { LoadTimes } from './load-times.ts'
import { type LoadedFiles, readModelFiles } from './model-files.ts'
import { joinParts } from './model-parts.ts'
import { ModelRunner } from './model-runner.ts'
import { bindableBytes, checkMemory, memoryNeeds, memoryRefused } from './plan-memory.ts'
import type { MakeConverter } from './row-converter.ts'
import { Scheduler } from './scheduler.ts'
import { planWeights } from './weight-loader.ts'
import type { WeightKeeping } from './weight-stream.ts'

/** A model that is ready to answer. */
export interface LoadedModel {
  readonly gpu: Gpu
  readonly config: EngineConfig
  readonly modelType: string
  readonly family: AnyFamily
  readonly files: LoadedFiles
  readonly input: InputProcessor
  readonly core: EngineCore
  readonly scheduler: Scheduler
  readonly kv: KvCache
  /** Drops everything that a failed GPU command may have spoilt: recordings, cached prefixes, encoded media. */
  readonly forget: () => void
  readonly loadTimes: LoadTimes
  /** GPU time of every dispatch, when profiling. */
  readonly profiler: Profiler | undefined
}

/** What loading a model takes. */
export interface LoadContext {
  readonly source: ModelSource
  /** Opens the repository of a part that config.json names by Hub id. */
  readonly openId: (id: string) => ModelSource
  readonly options: CheckedOptions
  readonly onProgress: (event: ProgressEvent) => void
  readonly signal: AbortSignal
  /** navigator.gpu unless given. */
  readonly gpu: GPU | undefined
  /** Where converted weights are kept; undefined: nowhere. */
  readonly keeping?: Omit<WeightKeeping, 'model' | 'recipe'> | undefined
  readonly makeConverter?: MakeConverter | undefined
}

/** Loads a model from its files to an engine that runs. Errors: ModelLoadError, WebGPUUnavailableError, AbortError; the GPU is then freed. */
export async function loadModel(context: LoadContext): Promise<LoadedModel> {
  const { options, signal } = context
  signal.throwIfAborted()
  const gpu = await openGpu({ ...(context.gpu && { gpu: context.gpu }), disabled: options.disable_features ?? [] }).catch(
    (error: Error) => {
      if (error.name === 'WebGPUUnavailableError') throw error
      throw webGPUUnavailableError(
        `The GPU's adapter gave no device (${error.message}); close other pages that use the GPU, or start the browser again.`,
      )
    },
  )
  try {
    const profiler = options.profile ? createProfiler(gpu) : undefined
    const model = await loadOn(gpu, context, profiler)
    return { ...model, profiler }
  } catch (error) {
    gpu.destroy()
    throw error
  }
}

async function loadOn(gpu: Gpu, context: LoadContext, profiler: Profiler | undefined): Promise<Omit<LoadedModel, 'profiler'>> {
  const { options } = context
  const { name } = context.source
  const { files, modelType, family, checkpoint } = await readModel(context)
  const familyConfig = family.readConfig(files)
  const shape = family.decoder(familyConfig)
  const embedding = embeddingOf(options, name, modelType, family)
  const config = resolveConfig(options, { name, shape, parameters: parametersOf(checkpoint) }, gpu)
  const loadTimes: LoadTimes = { total: 0, convert: 0, upload: 0, bytes: 0 }
  const facts = { checkpoint, modelType, config, shape, withoutHead: embedding !== undefined, loadTimes }
  const plan = planModel(gpu, context, facts, (reader) => family.readWeights(reader, familyConfig))
  const { weights } = plan
  // All memory is set aside before a byte of weights is fetched.
  await plan.guard('the weights', plan.allocate)
  const sizes = `max_model_len ${config.maxModelLength}, max_num_seqs ${config.maxSequences}`
  const runner = await plan.guard(`the KV cache and working memory (${sizes})`, () => {
    const tables = uploadTables(gpu, family.tables(familyConfig, config.tableColumns * BLOCK_SIZE))
    const model = {
      forward: (step: Parameters<AnyFamily['forward']>[0], batch: Parameters<AnyFamily['forward']>[3]) =>
        (embedding ?? { hidden: family.forward }).hidden(step, weights, familyConfig, batch, tables),
      pools: embedding !== undefined,
      encode: (step: Parameters<AnyFamily['encode']>[0], ...[kind, grid, inputs]: EncodeInputs) =>
        family.encode(step, weights, familyConfig, kind, grid, inputs),
      kv: allocateKv(gpu, shape, config),
      hidden: shape.hidden,
      vocabulary: shape.vocabulary,
    }
    const media = new EncoderCache(config.mediaRows)
    return { media, runner: new ModelRunner(gpu, model, config, media, profiler) }
  })
  await plan.stream()
  const kv = new KvCache(config.kvBlocks)
  const scheduler = new Scheduler(kv, runner.media, {
    maxSequences: config.maxSequences,
    maxTokens: config.maxBatchedTokens,
    maxPromptRows: config.maxPromptRows,
  })
  const core = new EngineCore({ scheduler, ...runner, tokenizer: files.tokenizer })
  const inputModel = { ...files, family, config: familyConfig }
  const input = new InputProcessor(inputModel, { ...config, seed: options.seed })
  const forget = (): void => {
    runner.runner.forget()
    runner.media.clear()
    kv.forget()
  }
  return { gpu, config, modelType, family, files, input, core, scheduler, kv, forget, loadTimes }
}

/** What planning a model's weights takes beside the context. */
interface PlanFacts {
  readonly checkpoint: Checkpoint
  readonly modelType: string
  readonly config: EngineConfig
  readonly shape: DecoderShape
  readonly withoutHead: boolean
  readonly loadTimes: LoadTimes
}

/** A model's weights as they will be stored, after a look at whether they can be. Errors: ModelLoadError. */
function planModel<W>(
  gpu: Gpu,
  { source, onProgress, signal, keeping, makeConverter }: LoadContext,
  { checkpoint, modelType, config, shape, withoutHead, loadTimes }: PlanFacts,
  declare: (reader: WeightReader) => W,
) {
  const { dtype, quantization } = config
  const recipe = [dtype, ...(quantization === 'none' ? [] : [quantization]), ...(withoutHead ? ['embed'] : [])].join(', ')
  const options = {
    ...{ modelType, dtype, quantization, withoutHead, signal, makeConverter, times: loadTimes, bindable: bindableBytes(gpu) },
    onProgress: weightProgress(source.name, onProgress),
    keeping: keeping && { ...keeping, model: source.name, recipe },
  }
  const plan = planWeights(gpu, checkpoint, declare, options)
  const weightsAt = (other: QuantizationOption) => planWeights(gpu, checkpoint, declare, { ...options, quantization: other })
  const needs = memoryNeeds(config, shape, plan, weightsAt)
  checkMemory(needs, gpu)
  const guard = async <T>(what: string, work: () => T): Promise<T> => {
    try {
      return await gpu.guardAllocations(what, work)
    } catch (error) {
      throw error instanceof Error && error.name === 'ModelLoadError' ? memoryRefused(needs, error.message) : error
    }
  }
  return { ...plan, guard }
}

/** How embeddings are made, if the model is loaded for that. Errors: ModelLoadError when its family makes none. */
function embeddingOf({ task }: CheckedOptions, name: string, modelType: string, family: AnyFamily): AnyFamily['embedding'] {
  if (task === 'generate') return undefined
  if (family.embedding) return family.embedding
  throw modelLoadError(`${name} is a ${modelType} model, which makes no embeddings; load it with task: 'generate'.`)
}

/** A model's small files, its family, and its tensors' names, those of parts that lie elsewhere included. */
async function readModel({ source, openId, options, onProgress, signal }: LoadContext) {
  const { name } = source
  const own = await readModelFiles(source, options.chat_template, (file, state) => {
    for (const status of state === 'begin' ? (['initiate', 'download'] as const) : (['done'] as const)) onProgress({ status, name, file })
  })
  signal.throwIfAborted()
  const family = findFamily(own.config['model_type'])
  const { config, checkpoint } = await joinParts(family, own.config, await openCheckpoint(source, signal), { source, openId, signal })
  const int4 = int4FormatOf(name, config)
  return {
    files: { ...own, config },
    modelType: String(config['model_type']),
    family,
    checkpoint: int4 ? int4Checkpoint(checkpoint, int4) : checkpoint,
  }
}

const parametersOf = ({ tensors }: Checkpoint): number =>
  [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)

type EncodeInputs = [Parameters<AnyFamily['encode']>[3], Parameters<AnyFamily['encode']>[4], Parameters<AnyFamily['encode']>[5]]

function allocateKv(gpu: Gpu, { layers, kvHeads, headDim }: DecoderShape, { kvBlocks, dtype }: EngineConfig): KvLayer[] {
  const shape = [kvBlocks, kvHeads, BLOCK_SIZE, headDim]
  const format = dtype === 'float32' ? 'f32' : 'f16'
  return Array.from({ length: layers }, (_, i) => ({
    k: gpu.allocate(format, shape, `keys ${i}`),
    v: gpu.allocate(format, shape, `values ${i}`),
  }))
}

function uploadTables(gpu: Gpu, tables: Readonly<Record<string, HostArray>>): Record<string, Tensor> {
  const entries = Object.entries(tables).map(([name, { data, shape }]): [string, Tensor] => {
    const dtype = data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u32'
    const tensor = gpu.allocate(dtype, shape, `table ${name}`)
    gpu.write(bufferOf(tensor), 0, data as AllowSharedBufferSource)
    return [name, tensor]
  })
  return Object.fromEntries(entries)
}

/** Most often a file's progress is told, in milliseconds. */
const PROGRESS_PAUSE = 50

/** Turns bytes into transformers.js's events: initiate, download, progress…, done. */
function weightProgress(name: string, onProgress: (event: ProgressEvent) => void) {
  let last = 0
  return (file: string, loaded: number, total: number, cached: boolean): void => {
    if (loaded === 0) {
      onProgress({ status: 'initiate', name, file })
      onProgress({ status: 'download', name, file, cached })
    }
    const now = performance.now()
    if (loaded > 0 && loaded < total && now - last < PROGRESS_PAUSE) return
    last = now
    onProgress({ status: 'progress', name, file, progress: total > 0 ? (100 * loaded) / total : 100, loaded, total, cached })
    if (loaded >= total) onProgress({ status: 'done', name, file })
  }
}
