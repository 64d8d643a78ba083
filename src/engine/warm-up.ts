import type { ProgressEvent } from '../protocol/engine-api.ts'
import type { StreamEvent } from '../protocol/stream-events.ts'
import { deviceLostError, modelLoadError } from '../util/errors.ts'
import type { LoadedModel } from './load-model.ts'

/** Tokens of the warm-up prompt: more than one, so that the kernels for many tokens and for one are both compiled. */
const PROMPT_LENGTH = 24

/**
 * Runs a throw-away request, so that the kernels are compiled and a model whose results are not finite is found before anyone asks.
 * Errors: ModelLoadError.
 */
export async function warmUp(
  { input, core, config }: LoadedModel,
  tell: (event: ProgressEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  tell({ status: 'compile', name: config.modelName })
  const length = Math.min(PROMPT_LENGTH, config.maxModelLength - 1)
  if (length < 1) return
  const request = {
    request_id: 'warm-up',
    input: { prompt_token_ids: Array.from({ length }, (_, i) => i % 2) },
    media: {},
    sampling: { temperature: 0, max_tokens: 3, ignore_eos: true },
    ...(config.task === 'embed' && { pooling: {} }),
    cache_salt: 'warm-up',
  }
  const accepted = await input.process(request, signal)
  signal.throwIfAborted()
  let abort = (): void => undefined
  const stop = (): void => abort()
  signal.addEventListener('abort', stop)
  try {
    const last = await new Promise<StreamEvent>((resolve) => {
      const handle = core.add(accepted, (event) => {
        if (event.type === 'prompt') tell({ status: 'warmup', name: config.modelName })
        if (event.type === 'done' || event.type === 'error') resolve(event)
      })
      abort = () => handle.abort()
    })
    if (last.type === 'error' && last.name === 'DeviceLostError') throw deviceLostError(last.message)
    if (last.type === 'error') throw modelLoadError(`${config.modelName} was loaded but cannot run: ${last.message}`)
  } finally {
    signal.removeEventListener('abort', stop)
  }
  Object.assign(core.counters, { steps: 0, generatedTokens: 0, promptTokens: 0, cachedPromptTokens: 0 })
}
