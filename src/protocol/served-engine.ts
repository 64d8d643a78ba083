import type { EngineRequest, ModelInfo, TokenizeInput, TokenizeOutput } from './engine-api.ts'

/** What a router needs of an engine, wherever the engine runs. */
export interface ServedEngine {
  readonly info: ModelInfo
  /** Unix time in seconds at which the model was ready. */
  readonly created: number
  /** Aborted, with the DeviceLostError or AbortError as its reason, when the engine has ended. */
  readonly gone: AbortSignal
  /** Hands a request in; resolves once it is accepted, rejects with a named error. StreamEvents follow on the port. */
  submit(request: EngineRequest, port: MessagePort): Promise<void>
  tokenize(input: TokenizeInput): Promise<TokenizeOutput>
  detokenize(ids: number[]): Promise<string>
}
