export type { EngineSource } from './api/engine-host.ts'
export { LLM, type LLMOptions } from './api/llm.ts'
export type { LocalEngine } from './api/local-engine.ts'
export type {
  ArrayInput,
  AudioEmbeds,
  AudioInput,
  ClipSource,
  ImageEmbeds,
  ImageInput,
  MultiModalData,
  MultiModalUuids,
  NestedNumbers,
  PictureSource,
  VideoEmbeds,
  VideoInput,
} from './api/media-types.ts'
export type { CachedModel, ModelCache } from './api/model-cache.ts'
export type {
  ChatCallOptions,
  ChatMessage,
  ChatPart,
  EmbedOptions,
  GenerateOptions,
  Prompt,
  PromptExtras,
  TextPrompt,
  TokensPrompt,
} from './api/prompts.ts'
export { type OcellusEndpoint, type OcellusOptions, registerOcellus } from './api/register.ts'
export type { TextChunk, TextStream } from './api/text-stream.ts'
export type { ChatOptions, Role } from './protocol/chat.ts'
export type {
  AdapterSummary,
  DTypeOption,
  EngineOptions,
  EngineRequest,
  EngineStats,
  ModelInfo,
  ProgressEvent,
  QuantizationOption,
  TaskOption,
  TokenizeInput,
  TokenizeOutput,
  ToolFormat,
  TraceEvent,
} from './protocol/engine-api.ts'
export type { Modality } from './protocol/media.ts'
export type {
  CompletionOutput,
  EmbeddingRequestOutput,
  FinishReason,
  Logprob,
  LogprobsAt,
  RequestOutput,
  Usage,
} from './protocol/outputs.ts'
export type { PoolingParams } from './protocol/pooling.ts'
export type { SamplingParams, StructuredOutputs } from './protocol/sampling.ts'
export type { ServedEngine } from './protocol/served-engine.ts'
