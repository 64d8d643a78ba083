import type { ChatOptions, WireMessage } from './chat.ts'
import type { Modality, WireMedia } from './media.ts'
import type { SamplingParams } from './sampling.ts'

/** Storage of weights and KV cache; 'auto' is float16. */
export type DTypeOption = 'auto' | 'float16' | 'float32'
/** Weight format of the language model's matrices: 32 columns share a scale in q8 and q4. */
export type QuantizationOption = 'none' | 'q8' | 'q4'

/** Engine options, vLLM's names. Everything can cross a thread. */
export interface EngineOptions {
  /** Hub id ('Qwen/Qwen2-VL-2B-Instruct'), URL of a folder, files, or a directory handle. */
  model: string | File[] | FileSystemDirectoryHandle
  /** Hub branch, tag or commit. Default 'main'. */
  revision?: string
  /** Hub access token; sent to the hub's origin only. */
  hf_token?: string
  /** Longest sequence, prompt and output together, in tokens. Default: the model's own limit, at most 4096. */
  max_model_len?: number
  /** Sequences advanced together. Default 16. */
  max_num_seqs?: number
  /** Tokens per engine step. Default 512 (128 on a software adapter). */
  max_num_batched_tokens?: number
  /** Items per request and modality. Default: as many as fit. */
  limit_mm_per_prompt?: Partial<Record<Modality, number>>
  /** A Jinja chat template used in place of the model's own. */
  chat_template?: string
  /** Storage of weights and KV cache. 'auto' is float16. Arithmetic accumulates in float32 throughout. */
  dtype?: DTypeOption
  /** Weight format of the language model's matrices. Default 'none'. */
  quantization?: QuantizationOption
  /** Default seed for requests that give none. */
  seed?: number
  /** Reuse of cached prompt prefixes. Default true. */
  enable_prefix_caching?: boolean
  /** Options of the family's processor, e.g. { max_pixels }. */
  mm_processor_kwargs?: Record<string, unknown>
  /** GPU bytes for the KV cache. Default: room for max_num_seqs sequences of max_model_len, at most 1 GiB. */
  kv_cache_memory_bytes?: number
  /** Features to leave unused, for comparison: 'shader-f16', 'subgroups'. */
  disable_features?: string[]
  /** Measures the GPU time of every kernel (needs timestamp-query); read it with stats(). */
  profile?: boolean
}

/** A prompt in its three forms. */
export type WirePrompt = { prompt: string } | { prompt_token_ids: number[] } | { messages: WireMessage[]; chat: ChatOptions }

/** One request as it reaches the engine. */
export interface EngineRequest {
  request_id: string
  input: WirePrompt
  media: WireMedia
  sampling: SamplingParams
  mm_processor_kwargs?: Record<string, unknown>
  /** Separates this request's cached prefixes from others'. */
  cache_salt?: string
  /** Lower runs earlier. Default 0. */
  priority?: number
}

/** Progress of loading, with the status names transformers.js uses, and three phases of our own. */
export interface ProgressEvent {
  status: 'initiate' | 'download' | 'progress' | 'done' | 'ready' | 'compile' | 'warmup'
  /** The model as it was named. */
  name: string
  file?: string
  /** 0..100 */
  progress?: number
  /** bytes */
  loaded?: number
  /** bytes */
  total?: number
}

/** What was loaded, and on what. */
export interface ModelInfo {
  model: string
  model_type: string
  max_model_len: number
  dtype: 'float16' | 'float32'
  quantization: QuantizationOption
  modalities: Modality[]
  adapter: AdapterSummary
  /** Bytes of GPU buffers alive after loading. */
  gpu_bytes: number
}

/** The GPU in words. */
export interface AdapterSummary {
  vendor: string
  architecture: string
  description: string
  /** A CPU pretending to be a GPU (SwiftShader, lavapipe, WARP). */
  software: boolean
  features: string[]
}

/** Counters since the engine was made; differences over a steady stretch are what benchmarks report. */
export interface EngineStats {
  steps: number
  /** New tokens handed out. */
  generated_tokens: number
  /** Prompt tokens computed (cached ones not counted). */
  prompt_tokens: number
  cached_prompt_tokens: number
  submits: number
  dispatches: number
  bind_groups: number
  buffers: number
  queue_writes: number
  /** GPU bytes now and at most. */
  gpu_bytes: number
  gpu_bytes_peak: number
  running: number
  waiting: number
  kv_blocks_used: number
  kv_blocks_total: number
  /** Milliseconds of GPU time by kernel, when profiling. */
  kernels?: Record<string, { calls: number; milliseconds: number }>
}

/** What the engine worker answers to. Control calls go through comlink; tokens go over the port. */
export interface EngineApi {
  /** Loads the model; rejects with ModelLoadError, WebGPUUnavailableError or AbortError. */
  load(options: EngineOptions, onProgress: (event: ProgressEvent) => void): Promise<ModelInfo>
  /** Ends a load that is under way. */
  cancelLoad(): void
  /** Resolves once the request is accepted; rejects with a named error. StreamEvents follow on the port. */
  submit(request: EngineRequest, port: MessagePort): Promise<void>
  tokenize(text: string, addSpecialTokens: boolean): Promise<number[]>
  detokenize(ids: number[]): Promise<string>
  stats(): Promise<EngineStats>
  /** Ends every request with AbortError and frees the GPU. */
  dispose(): Promise<void>
}

/** The engine in its worker. */
export interface WorkerApi extends EngineApi {
  /** Takes a Web Lock of this name and keeps it for as long as the worker lives, which is how the page notices its end. */
  holdLock(name: string): Promise<void>
}
