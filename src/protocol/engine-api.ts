import type { ChatOptions, WireMessage } from './chat.ts'
import type { Modality, WireMedia } from './media.ts'
import type { PoolingParams } from './pooling.ts'
import type { SamplingParams } from './sampling.ts'

/** Storage of weights and KV cache; 'auto' is float16, but float32 for small models on software adapters. */
export type DTypeOption = 'auto' | 'float16' | 'float32'
/** Weight format of the language model's matrices: 32 columns share a scale in q8 and q4. */
export type QuantizationOption = 'none' | 'q8' | 'q4'

/** What a model is for: text that goes on, or vectors. */
export type TaskOption = 'generate' | 'embed'

/** Engine options, vLLM's names. Everything can cross a thread. */
export interface EngineOptions {
  /** Hub id ('Qwen/Qwen2-VL-2B-Instruct'), URL of a folder, files, or a directory handle. */
  model: string | File[] | FileSystemDirectoryHandle
  /**
   * What the model is loaded for: 'generate' continues prompts, 'embed' turns them into vectors and leaves the head of the model out.
   * Default 'generate'.
   */
  task?: TaskOption
  /** Hub branch, tag or commit. Default 'main'. */
  revision?: string
  /** Hub access token; sent to the hub's origin only. */
  hf_token?: string
  /** Longest sequence, prompt and output together, in tokens. Default: the model's own limit, at most 4096. */
  max_model_len?: number
  /** Sequences advanced together. Default 16. */
  max_num_seqs?: number
  /** Tokens per engine step. Default 512; 2048 for float16 models on adapters with subgroup matrices, 128 on software ones. */
  max_num_batched_tokens?: number
  /** Items per request and modality. Default: as many as fit. A clip is one video, also for models that take its frames as pictures. */
  limit_mm_per_prompt?: Partial<Record<Modality, number>>
  /** A Jinja chat template used in place of the model's own. */
  chat_template?: string
  /**
   * Storage of weights and KV cache. 'auto' is float16; on a software adapter, which decodes faster without unpacking, it is float32 for
   * models of at most 256 MB in float32. Arithmetic accumulates in float32 throughout.
   */
  dtype?: DTypeOption
  /**
   * Weight format of the language model's matrices. Default 'none'. Matrices that come in int4 (AWQ, GPTQ) keep their codes whatever this
   * says: in four bits where the zero point is 8 throughout (symmetric GPTQ), else in eight, which lose nothing.
   */
  quantization?: QuantizationOption
  /** Default seed for requests that give none. */
  seed?: number
  /** Reuse of cached prompt prefixes. Default true. */
  enable_prefix_caching?: boolean
  /** Options of the family's processor, e.g. { max_pixels }. */
  mm_processor_kwargs?: Record<string, unknown>
  /**
   * How media files are read, by modality: { video: { num_frames: 8, fps: 1 } } takes at most 8 frames of a clip and at most one a second
   * (defaults: 32 and any; -1 for all). A request's own media_io_kwargs override them key by key.
   */
  media_io_kwargs?: Partial<Record<Modality, Readonly<Record<string, unknown>>>>
  /** GPU bytes for the KV cache. Default: room for max_num_seqs sequences of max_model_len, at most 1 GiB. */
  kv_cache_memory_bytes?: number
  /** Requests that may wait for a place among max_num_seqs; further ones are refused with QueueFullError. Default 256. */
  max_waiting_requests?: number
  /** Seconds from the start of a media fetch to its last byte. Default: image 5, audio 10, video 30. */
  media_fetch_timeout?: Partial<Record<Modality, number>>
  /** Largest file in bytes. Default: image and audio 25 MB, video 200 MB. */
  max_media_bytes?: Partial<Record<Modality, number>>
  /** Largest picture in pixels, read from its header before it is decoded. Default 40 million. */
  max_image_pixels?: number
  /** Only fetches http and https media from these hosts, and follows no redirects then. Default: from any. */
  allowed_media_domains?: readonly string[]
  /**
   * Keeps the model in the browser's storage (OPFS): converted weights, tokenizer and config, so that the next load needs no conversion, and
   * no network where there is none. 'weights' keeps converted weights alone, for folders whose address changes. Default true.
   */
  cache?: boolean | 'weights'
  /** Most bytes that all kept models may take; the least recently used go first. Default: as many as the browser allows. */
  max_cache_bytes?: number
  /** Features to leave unused, for comparison: 'shader-f16', 'subgroups', 'subgroup-matrix'. */
  disable_features?: string[]
  /**
   * Measures the GPU time of every dispatch; read it with stats() and trace(). Slows decoding down. Needs timestamp-query: without it
   * loading fails with ModelLoadError. Chromium rounds timestamps to 0.1 ms unless started with --enable-webgpu-developer-features.
   */
  profile?: boolean
}

/** A prompt in its three forms. */
export type WirePrompt = { prompt: string } | { prompt_token_ids: number[] } | { messages: WireMessage[]; chat: ChatOptions }

/** One request as it reaches the engine. */
export interface EngineRequest {
  request_id: string
  input: WirePrompt
  media: WireMedia
  /** Means nothing beside pooling. */
  sampling: SamplingParams
  /** Asks for an embedding in place of text; of an engine with task 'embed' alone. */
  pooling?: PoolingParams
  mm_processor_kwargs?: Record<string, unknown>
  /** How media files are read, by modality, e.g. { video: { num_frames: 8 } }. */
  media_io_kwargs?: Partial<Record<Modality, Readonly<Record<string, unknown>>>>
  /** Separates this request's cached prefixes from others'. */
  cache_salt?: string
  /** Lower runs earlier. Default 0. */
  priority?: number
  /** Name of a Web Lock that the reader holds: when it is let go before the end, the reader is gone and the request is ended. */
  reader_lock?: string
}

/** Text or a conversation to be read as token ids. */
export type TokenizeInput = ({ prompt: string } | { messages: WireMessage[]; chat: ChatOptions }) & {
  /** Those the tokenizer puts around a text. Default: always for a prompt; for a conversation, as chat does, unless its template has written them. */
  add_special_tokens?: boolean
}

/** Token ids, media placeholders not expanded, and the piece of text each stands for. */
export interface TokenizeOutput {
  tokens: number[]
  token_strs: string[]
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
  /** The bytes come from the browser's storage, not from the network. */
  cached?: boolean
}

/** How tool calls stand in a model's text: 'hermes' is <tool_call>{"name", "arguments"}</tool_call>, 'json' a bare {"name", "parameters"}. */
export type ToolFormat = 'hermes' | 'json'

/** What was loaded, and on what. */
export interface ModelInfo {
  model: string
  model_type: string
  max_model_len: number
  dtype: 'float16' | 'float32'
  quantization: QuantizationOption
  modalities: Modality[]
  /** What the model is for. */
  task: TaskOption
  /** How the model's chat template has tool calls written; null: it takes no tools. */
  tool_format: ToolFormat | null
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
  /** Milliseconds of the CPU that preparing steps, encoding and submitting them took; to 0.1 ms each in pages that are not isolated. */
  step_cpu_ms: number
  /** Media items encoded, and the milliseconds from handing each to the GPU to its end. */
  media_encoded: number
  media_encode_ms: number
  /** Milliseconds that loading waited for bytes of weights, converted them and handed them to the GPU; and how many bytes they were. */
  load: { fetch_ms: number; convert_ms: number; upload_ms: number; bytes: number }
  /** GPU bytes now and at most. */
  gpu_bytes: number
  gpu_bytes_peak: number
  running: number
  waiting: number
  kv_blocks_used: number
  kv_blocks_total: number
  /** GPU time by kernel, when profiling, and bytes moved: those of each dispatch's bindings, as if each were read or written once. */
  kernels?: Record<string, { calls: number; milliseconds: number; bytes: number }>
}

/** An event of the Trace Event Format, which chrome://tracing and Perfetto read. Microseconds. */
export interface TraceEvent {
  name: string
  cat?: string
  /** X: a stretch of time; M: the name of a process or track. */
  ph: 'X' | 'M'
  pid: number
  tid: number
  ts: number
  dur?: number
  args?: Readonly<Record<string, string | number>>
}

/** What the engine worker answers to. Control calls go through comlink; tokens go over the port. */
export interface EngineApi {
  /** Loads the model; rejects with ModelLoadError, WebGPUUnavailableError or AbortError. */
  load(options: EngineOptions, onProgress: (event: ProgressEvent) => void): Promise<ModelInfo>
  /** Ends a load that is under way. */
  cancelLoad(): void
  /** Resolves once the request is accepted; rejects with a named error. StreamEvents follow on the port. */
  submit(request: EngineRequest, port: MessagePort): Promise<void>
  tokenize(input: TokenizeInput): Promise<TokenizeOutput>
  detokenize(ids: number[]): Promise<string>
  stats(): Promise<EngineStats>
  /** What the GPU and the engine did of late, when profiling. Errors: InvalidRequestError without. */
  trace(): Promise<TraceEvent[]>
  /** Ends every request with AbortError and frees the GPU. */
  dispose(): Promise<void>
}

/** The engine in its worker. */
export interface WorkerApi extends EngineApi {
  /** Takes a Web Lock of this name and keeps it for as long as the engine and its worker live, which is how others notice their end. */
  holdLock(name: string): Promise<void>
}
