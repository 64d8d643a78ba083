import { type Remote, transfer, wrap } from 'comlink'
import type { EngineOptions, EngineRequest, ModelInfo, WorkerApi } from '../../src/protocol/engine-api.ts'
import type { ReaderMessage, StreamEvent } from '../../src/protocol/stream-events.ts'
import { MODEL } from './golden-model.ts'

/** A request under way, seen from the end of its port that a reader has. */
export interface OpenRequest {
  /** What has come so far. */
  readonly events: readonly StreamEvent[]
  /** Settles when the engine has accepted or refused it. */
  readonly accepted: Promise<void>
  /** The event that it ended with. */
  readonly last: Promise<StreamEvent>
  /** Resolves when this many tokens have come. */
  tokens(count: number): Promise<void>
  post(type: ReaderMessage['type']): void
}

/** An engine in a worker as routers see it, without an LLM around it. */
export interface EngineDoor {
  readonly engine: Remote<WorkerApi>
  readonly info: ModelInfo
  open(request: Partial<EngineRequest>): OpenRequest
  /** Waits until the engine holds no request. */
  idle(): Promise<void>
}

let requests = 0

/** Loads the golden checkpoint in float32 in this worker, or port of a worker. */
export async function openDoor(worker: Worker, options: Partial<EngineOptions> = {}): Promise<EngineDoor> {
  const engine = wrap<WorkerApi>(worker)
  const model = new URL(MODEL, location.href).href
  const info = await engine.load({ model, dtype: 'float32', max_model_len: 256, ...options }, undefined as never)
  const idle = async (): Promise<void> => {
    for (;;) {
      const { running, waiting } = await engine.stats()
      if (running + waiting === 0) return
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  return { engine, info, open: (request) => openRequest(engine, request), idle }
}

function openRequest(engine: Remote<WorkerApi>, request: Partial<EngineRequest>): OpenRequest {
  const { port1, port2 } = new MessageChannel()
  const events: StreamEvent[] = []
  const waiting = new Set<() => void>()
  const until = (fits: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!fits()) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  port1.onmessage = ({ data }: MessageEvent<StreamEvent>) => {
    events.push(data)
    for (const look of [...waiting]) look()
  }
  const isLast = (event: StreamEvent | undefined): boolean => event?.type === 'done' || event?.type === 'error'
  const whole: EngineRequest = { request_id: `door ${++requests}`, input: { prompt: 'a' }, media: {}, sampling: {}, ...request }
  const accepted = engine.submit(whole, transfer(port2, [port2]))
  accepted.catch(() => undefined)
  const count = (): number => events.reduce((sum, event) => sum + (event.type === 'delta' ? event.token_ids.length : 0), 0)
  return {
    events,
    accepted,
    last: until(() => isLast(events.at(-1))).then(() => events.at(-1) as StreamEvent),
    tokens: (wanted) => until(() => count() >= wanted || isLast(events.at(-1))),
    post: (type) => port1.postMessage({ type } satisfies ReaderMessage),
  }
}
