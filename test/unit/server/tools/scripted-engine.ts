import type { EngineRequest, ModelInfo, ToolFormat } from '../../../../src/protocol/engine-api.ts'
import type { FinishReason } from '../../../../src/protocol/outputs.ts'
import type { ServedEngine } from '../../../../src/protocol/served-engine.ts'
import type { StreamEvent } from '../../../../src/protocol/stream-events.ts'

/** What the engine is to write, and why it ends. */
export type ScriptedAnswer = string | { text: string; finish_reason: FinishReason }

/** An engine without a model: it writes what the script says, in pieces of three characters, one token each. */
export interface ScriptedEngine extends ServedEngine {
  /** The requests in the order in which they came. */
  readonly requests: EngineRequest[]
}

const adapter = { vendor: '', architecture: '', description: '', software: true, features: [] }

export function scriptedEngine(
  script: (request: EngineRequest, count: number) => ScriptedAnswer,
  tool_format: ToolFormat | null = 'hermes',
): ScriptedEngine {
  const requests: EngineRequest[] = []
  const info: ModelInfo = {
    model: 'scripted',
    model_type: 'qwen2_vl',
    max_model_len: 4096,
    dtype: 'float32',
    quantization: 'none',
    modalities: ['image'],
    task: 'generate',
    tool_format,
    adapter,
    gpu_bytes: 0,
  }
  return {
    requests,
    info,
    created: 1_700_000_000,
    gone: new AbortController().signal,
    submit(given, port) {
      // As across a thread.
      const request = structuredClone(given)
      const answer = script(request, requests.push(request) - 1)
      for (const event of eventsOf(answer, request.sampling.n ?? 1)) port.postMessage(event)
      return Promise.resolve()
    },
    tokenize: () => Promise.reject(new Error('not in the script')),
    detokenize: () => Promise.reject(new Error('not in the script')),
  }
}

function* eventsOf(answer: ScriptedAnswer, n: number): Generator<StreamEvent> {
  const { text, finish_reason } = typeof answer === 'string' ? { text: answer, finish_reason: 'stop' as const } : answer
  const pieces = text.match(/[\s\S]{1,3}/g) ?? ['']
  yield { type: 'prompt', prompt: 'prompt', prompt_token_ids: [1, 2, 3], prompt_logprobs: null, num_cached_tokens: 0 }
  for (const [at, piece] of pieces.entries()) {
    for (let index = 0; index < n; index++) {
      yield {
        type: 'delta',
        index,
        text: piece,
        token_ids: [at],
        logprobs: null,
        finish_reason: at === pieces.length - 1 ? finish_reason : null,
        stop_reason: null,
      }
    }
  }
  const completion_tokens = pieces.length * n
  yield { type: 'done', usage: { prompt_tokens: 3, completion_tokens, total_tokens: 3 + completion_tokens } }
}
