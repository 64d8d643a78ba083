import type { EngineRequest, ModelInfo, TokenizeInput, TokenizeOutput } from '../../../src/protocol/engine-api.ts'
import type { LogprobsAt } from '../../../src/protocol/outputs.ts'
import type { ServedEngine } from '../../../src/protocol/served-engine.ts'
import type { DeltaEvent, PromptEvent, ReaderMessage, StreamEvent } from '../../../src/protocol/stream-events.ts'
import { abortError } from '../../../src/util/errors.ts'

/** One request as the engine sees it. */
export interface FakeRun {
  readonly request: EngineRequest
  /** What the reader has said so far. */
  readonly told: ReaderMessage['type'][]
  post(event: StreamEvent): void
  /** Resolves once the reader has said this. */
  heard(type: ReaderMessage['type']): Promise<void>
}

/** What an engine does with a request; what it throws is its refusal. */
export type Script = (run: FakeRun) => void | Promise<void>

export const info: ModelInfo = {
  model: 'org/tiny-vl',
  model_type: 'tiny',
  max_model_len: 512,
  dtype: 'float32',
  quantization: 'none',
  modalities: ['image', 'video', 'audio'],
  task: 'generate',
  tool_format: 'hermes',
  adapter: { vendor: '', architecture: '', description: '', software: true, features: [] },
  gpu_bytes: 0,
}

/** A ServedEngine that does what its script says. Its tokens are characters. */
export class FakeEngine implements ServedEngine {
  readonly info: ModelInfo
  readonly created = 1_700_000_000
  readonly runs: FakeRun[] = []
  readonly #gone = new AbortController()
  readonly #ports: MessagePort[] = []
  script: Script

  constructor(script: Script = (run) => say(run, 'Hello, ', 'world'), changes: Partial<ModelInfo> = {}) {
    this.script = script
    this.info = { ...info, ...changes }
  }

  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Ends as a terminated worker does: silently but for the signal. */
  die(reason: Error = abortError('The engine was disposed.')): void {
    for (const port of this.#ports) port.close()
    this.#gone.abort(reason)
  }

  async submit(request: EngineRequest, port: MessagePort): Promise<void> {
    const told: ReaderMessage['type'][] = []
    const waiting: { type: ReaderMessage['type']; resolve: () => void }[] = []
    this.#ports.push(port)
    port.onmessage = ({ data }: MessageEvent<ReaderMessage>) => {
      told.push(data.type)
      for (const { type, resolve } of waiting) if (type === data.type) resolve()
    }
    const run: FakeRun = {
      request: structuredClone(request),
      told,
      post: (event) => port.postMessage(event),
      heard: (type) => (told.includes(type) ? Promise.resolve() : new Promise((resolve) => void waiting.push({ type, resolve }))),
    }
    this.runs.push(run)
    await this.script(run)
  }

  async tokenize(input: TokenizeInput): Promise<TokenizeOutput> {
    const text = 'prompt' in input ? input.prompt : input.messages.map(({ content }) => JSON.stringify(content)).join('')
    const token_strs = [...(input.add_special_tokens === false ? '' : '^'), ...text]
    return { tokens: token_strs.map((char) => char.codePointAt(0) ?? 0), token_strs }
  }

  async detokenize(ids: number[]): Promise<string> {
    return String.fromCodePoint(...ids)
  }
}

/** The prompt event of a prompt with this many tokens. */
export const promptEvent = (tokens: number, changes: Partial<PromptEvent> = {}): PromptEvent => ({
  type: 'prompt',
  prompt: 'P'.repeat(tokens),
  prompt_token_ids: Array.from({ length: tokens }, () => 80),
  prompt_logprobs: null,
  num_cached_tokens: 0,
  ...changes,
})

/** A delta whose tokens are its characters. */
export const deltaEvent = (text: string, changes: Partial<DeltaEvent> = {}): DeltaEvent => ({
  type: 'delta',
  index: 0,
  text,
  token_ids: [...text].map((char) => char.codePointAt(0) ?? 0),
  logprobs: null,
  finish_reason: null,
  stop_reason: null,
  ...changes,
})

/** Says these pieces as continuation 0 of a prompt of five tokens, two of them cached; the last piece ends it. */
export function say(run: FakeRun, ...pieces: string[]): void {
  run.post(promptEvent(5, { num_cached_tokens: 2 }))
  for (const [i, text] of pieces.entries()) run.post(deltaEvent(text, i === pieces.length - 1 ? { finish_reason: 'stop' } : {}))
  run.post(doneEvent(5, pieces.join('').length))
}

export const doneEvent = (prompt_tokens: number, completion_tokens: number): StreamEvent => ({
  type: 'done',
  usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
})

/** Log-probabilities of a token that is the likeliest, with the runner-up '?'. */
export const logprobsOf = (char: string, logprob = -0.25): LogprobsAt => ({
  [char.codePointAt(0) ?? 0]: { logprob, rank: 1, decoded_token: char },
  63: { logprob: Number.NEGATIVE_INFINITY, rank: 2, decoded_token: '?' },
})
