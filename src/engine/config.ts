import { DISABLEABLE, type Gpu } from '../gpu/device.ts'
import { bytesPerElement } from '../gpu/tensor.ts'
import { BLOCK_SIZE } from '../layers/batch.ts'
import type { DecoderShape } from '../models/family.ts'
import type { DTypeOption, EngineOptions, QuantizationOption, TaskOption } from '../protocol/engine-api.ts'
import { invalidRequestError, modelLoadError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import { checkMediaOptions, type MediaLimits, mediaLimitsOf } from './media-limits.ts'
import { checkReading, type MediaReading } from './media-reading.ts'

/** Options checked as far as that needs no model. */
export interface CheckedOptions extends EngineOptions {
  readonly task: TaskOption
  readonly dtype: DTypeOption
  readonly quantization: QuantizationOption
}

/** Everything the engine's parts are told about sizes; fixed once the model's config is known. */
export interface EngineConfig {
  readonly modelName: string
  readonly task: TaskOption
  readonly dtype: 'float16' | 'float32'
  readonly quantization: QuantizationOption
  readonly maxModelLength: number
  readonly maxSequences: number
  /** Tokens per engine step. */
  readonly maxBatchedTokens: number
  /** Prompt tokens per step that go through the head for prompt_logprobs. */
  readonly maxPromptRows: number
  /** Pages of keys and values, the trash page included. */
  readonly kvBlocks: number
  /** Blocks per row of the block table. */
  readonly tableColumns: number
  /** Rows of the encoder cache. */
  readonly mediaRows: number
  readonly mediaLimits: MediaLimits
  /** Requests that may wait for a place among maxSequences. */
  readonly maxWaiting: number
  readonly prefixCaching: boolean
  readonly processorOptions: Readonly<Record<string, unknown>>
  /** How media files are read, by modality. */
  readonly mediaReading: MediaReading
}

const DEFAULT_MAX_MODEL_LEN = 4096
const DEFAULT_MAX_NUM_SEQS = 16
const DEFAULT_BATCHED_TOKENS = 512
/** With subgroup matrices a step of so many tokens takes no longer than one of 512 without: 1024 tokens of a 2B model 30 ms in place of 120 on an H200. */
const MATRIX_BATCHED_TOKENS = 2048
/** A software adapter takes seconds for what a GPU does in milliseconds: smaller steps keep it answering. */
const SOFTWARE_BATCHED_TOKENS = 128
const DEFAULT_MAX_WAITING = 256
/** A software adapter decodes small models faster in float32: unpacking float16 costs it more than reading twice the bytes. */
const SOFTWARE_FLOAT32_BYTES = 256e6
const MAX_KV_BYTES = 2 ** 30
/** Most bytes of logits that prompt_logprobs may ask of one step. */
const PROMPT_LOGITS_BYTES = 32 * 2 ** 20
/** Tokens that steps encoded ahead may run past a sequence's end before anyone looks. */
export const MAX_OVERRUN = 64

const INTEGERS: Readonly<Record<string, { min: number; max: number }>> = {
  max_model_len: { min: 1, max: 2 ** 31 },
  max_num_seqs: { min: 1, max: 256 },
  max_num_batched_tokens: { min: 16, max: 8192 },
  max_waiting_requests: { min: 1, max: 2 ** 20 },
  kv_cache_memory_bytes: { min: 1, max: Number.MAX_SAFE_INTEGER },
  max_cache_bytes: { min: 0, max: Number.MAX_SAFE_INTEGER },
  seed: { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER },
}
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  task: ['generate', 'embed'],
  dtype: ['auto', 'float16', 'float32'],
  quantization: ['none', 'q8', 'q4'],
}
const FLAGS = ['enable_prefix_caching', 'profile'] as const
const STRINGS = ['revision', 'hf_token', 'chat_template'] as const

function fail(name: string, allowed: string, given: unknown): never {
  throw invalidRequestError(`${name} must be ${allowed}, got ${showValue(given)}.`)
}

/** Checks engine options one by one. Errors: InvalidRequestError naming the option, its value and what is allowed. */
export function checkOptions(options: EngineOptions): CheckedOptions {
  const given: Readonly<Record<string, unknown>> = { ...options }
  if (!isModel(given['model'])) fail('model', 'a Hub id, the URL of a folder, files or a directory handle', given['model'])
  for (const [name, { min, max }] of Object.entries(INTEGERS)) {
    const value = given[name]
    const fits = Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
    if (value != null && !fits) fail(name, name === 'seed' ? 'an integer' : `an integer from ${min} to ${max}`, value)
  }
  for (const [name, allowed] of Object.entries(CHOICES)) {
    const value = given[name]
    if (value != null && !allowed.includes(value as string)) fail(name, `one of ${allowed.join(', ')}`, value)
  }
  for (const name of FLAGS) if (given[name] != null && typeof given[name] !== 'boolean') fail(name, 'true or false', given[name])
  for (const name of STRINGS) if (given[name] != null && typeof given[name] !== 'string') fail(name, 'a string', given[name])
  const { cache } = given
  if (cache != null && typeof cache !== 'boolean' && cache !== 'weights') fail('cache', "true, false or 'weights'", cache)
  checkMediaOptions(given)
  checkReading(given['media_io_kwargs'])
  const processor = given['mm_processor_kwargs']
  if (processor != null && (typeof processor !== 'object' || Array.isArray(processor))) fail('mm_processor_kwargs', 'an object', processor)
  const features = given['disable_features']
  if (features != null && !(Array.isArray(features) && features.every((feature) => DISABLEABLE.includes(feature as string)))) {
    fail('disable_features', `a list of ${DISABLEABLE.join(', ')}`, features)
  }
  return {
    ...options,
    task: options.task ?? 'generate',
    dtype: options.dtype ?? 'auto',
    quantization: options.quantization ?? 'none',
  }
}

/** An empty list of files is left to the source, which says what is missing. */
function isModel(model: unknown): boolean {
  if (typeof model === 'string') return model !== ''
  if (typeof model !== 'object' || model === null) return false
  if ('kind' in model) return model.kind === 'directory'
  return 'length' in model && Array.from(model as ArrayLike<unknown>).every((file) => file instanceof Blob && 'name' in file)
}

/** The GPU's limits that sizes depend on. */
export type GpuFacts = Pick<Gpu, 'software'> & {
  abilities: Pick<Gpu['abilities'], 'matrices'>
  device: { limits: Pick<GPUSupportedLimits, 'maxBufferSize' | 'maxStorageBufferBindingSize'> }
}

function batchedTokens({ software, abilities }: GpuFacts, dtype: EngineConfig['dtype']): number {
  if (software) return SOFTWARE_BATCHED_TOKENS
  // Models in float32 are multiplied in float32.
  return abilities.matrices && dtype === 'float16' ? MATRIX_BATCHED_TOKENS : DEFAULT_BATCHED_TOKENS
}

/** What sizes depend on of a model. */
export interface ModelFacts {
  readonly name: string
  readonly shape: DecoderShape
  /** Weights in all. */
  readonly parameters: number
}

/** Sizes for this model on this GPU. Errors: ModelLoadError if an option does not fit the model or the memory it may use. */
export function resolveConfig(options: CheckedOptions, { name: modelName, shape, parameters }: ModelFacts, gpu: GpuFacts): EngineConfig {
  const dtype = options.dtype === 'auto' ? automaticType(parameters, gpu) : options.dtype
  const maxModelLength = options.max_model_len ?? Math.min(DEFAULT_MAX_MODEL_LEN, shape.maxPositions)
  if (maxModelLength > shape.maxPositions) {
    throw modelLoadError(
      `max_model_len is ${maxModelLength}, but the positions of ${modelName} end at ${shape.maxPositions}; give at most that.`,
    )
  }
  const maxSequences = options.max_num_seqs ?? DEFAULT_MAX_NUM_SEQS
  const bindable = Math.min(gpu.device.limits.maxBufferSize, gpu.device.limits.maxStorageBufferBindingSize)
  const rowBytes = shape.hidden * 4
  const mediaRows = Math.min(2 * maxModelLength, Math.floor(bindable / rowBytes))
  return {
    modelName,
    task: options.task,
    dtype,
    quantization: options.quantization,
    maxModelLength,
    maxSequences,
    maxBatchedTokens: Math.max(options.max_num_batched_tokens ?? batchedTokens(gpu, dtype), maxSequences),
    maxPromptRows: Math.max(1, Math.min(256, Math.floor(PROMPT_LOGITS_BYTES / (shape.vocabulary * 4)))),
    kvBlocks: kvBlocks({ ...options, dtype }, maxModelLength, maxSequences, shape, bindable) + 1,
    tableColumns: Math.ceil((maxModelLength + MAX_OVERRUN) / BLOCK_SIZE),
    mediaRows,
    mediaLimits: mediaLimitsOf(options),
    maxWaiting: options.max_waiting_requests ?? DEFAULT_MAX_WAITING,
    prefixCaching: options.enable_prefix_caching ?? true,
    processorOptions: options.mm_processor_kwargs ?? {},
    mediaReading: options.media_io_kwargs ?? {},
  }
}

const automaticType = (parameters: number, { software }: GpuFacts): 'float16' | 'float32' =>
  software && parameters * 4 <= SOFTWARE_FLOAT32_BYTES ? 'float32' : 'float16'

/** Pages that fit into the memory allowed; at least one longest sequence must. */
function kvBlocks(options: CheckedOptions, maxModelLength: number, maxSequences: number, shape: DecoderShape, bindable: number): number {
  const layerBytes = shape.kvHeads * BLOCK_SIZE * shape.headDim * bytesPerElement(options.dtype === 'float16' ? 'f16' : 'f32')
  const blockBytes = 2 * shape.layers * layerBytes
  const perSequence = Math.ceil(maxModelLength / BLOCK_SIZE)
  const wanted = options.kv_cache_memory_bytes
    ? Math.floor(options.kv_cache_memory_bytes / blockBytes)
    : Math.max(perSequence, Math.min(perSequence * maxSequences, Math.floor(MAX_KV_BYTES / blockBytes)))
  const blocks = Math.min(wanted, Math.floor(bindable / layerBytes) - 1)
  if (blocks >= perSequence) return blocks
  const needed = `one sequence of max_model_len ${maxModelLength} needs ${perSequence * blockBytes} bytes of KV cache`
  if (blocks < wanted) throw modelLoadError(`${needed}, more than this adapter can bind (${bindable} bytes a buffer); lower max_model_len.`)
  throw modelLoadError(`${needed}, but kv_cache_memory_bytes is ${options.kv_cache_memory_bytes}; raise it or lower max_model_len.`)
}
