import { invalidLogitsError, messageOf } from '../util/errors.ts'
import type { EncoderCache } from './encoder-cache.ts'
import { Grammars } from './grammars.ts'
import type { Runner, StepUnderWay } from './model-runner.ts'
import type { OutputTokenizer } from './output-processor.ts'
import { isDecode, type Plan } from './plan.ts'
import { type AcceptedRequest, type Post, Request } from './request.ts'
import type { Scheduler } from './scheduler.ts'
import type { Sequence } from './sequence.ts'
import { FAILED_TOKEN, type RowOutput } from './step-output.ts'
import { StepPacer } from './step-pacer.ts'

/** Counters since the engine was made. */
export interface CoreCounters {
  steps: number
  generatedTokens: number
  promptTokens: number
  cachedPromptTokens: number
}

/** What the loop is made of. */
export interface CoreParts {
  readonly scheduler: Scheduler
  readonly media: EncoderCache
  readonly runner: Runner
  readonly tokenizer: OutputTokenizer
}

/** What a request under way can be told. Once it has ended, nothing of this does anything. */
export interface RequestHandle {
  /** Ends it with what there is so far. */
  abort(): void
  /** Computes no further than what is under way until `resume`. What the request holds is given to others if they need it. */
  pause(): void
  resume(): void
}

/** Submits under way at once: one that runs, and one behind it so that the GPU never waits for the CPU. */
const SUBMITS_AHEAD = 2

interface UnderWay {
  readonly plan: Plan
  readonly work: StepUnderWay
  readonly began: number
}

/**
 * The engine's loop: while there is work, plan a step, run it, hand out what it found. Knows nothing of models, media or the GPU.
 * An error that belongs to a request ends that request and no other.
 */
export class EngineCore {
  readonly counters: CoreCounters = { steps: 0, generatedTokens: 0, promptTokens: 0, cachedPromptTokens: 0 }
  readonly #parts: CoreParts
  readonly #requests = new Set<Request>()
  readonly #owner = new Map<Sequence, Request>()
  readonly #pacer = new StepPacer()
  readonly #grammars: Grammars
  #running = false

  constructor(parts: CoreParts) {
    this.#parts = parts
    this.#grammars = new Grammars(parts.tokenizer)
  }

  /** Requests for which there is no place among those that run together. */
  get waitingCount(): number {
    const waiting = [...this.#requests].filter((request) => request.isWaiting).length
    return Math.max(0, waiting - this.#parts.scheduler.freePlaces)
  }

  /**
   * Takes a request in. Its events go to `post`, the last one being `done` or `error`.
   * Errors: InvalidRequestError for structured_outputs that cannot be had.
   */
  add(accepted: AcceptedRequest, post: Post): RequestHandle {
    const request = new Request(accepted, this.#parts.tokenizer, post, this.#grammars.make(accepted.sampling))
    this.#requests.add(request)
    for (const { sequence } of request.outputs) {
      this.#owner.set(sequence, request)
      this.#parts.scheduler.add(sequence)
    }
    void this.#run()
    return {
      abort: () => {
        request.abort()
        this.#retire(request)
      },
      pause: () => {
        request.paused = true
      },
      resume: () => {
        request.paused = false
        void this.#run()
      },
    }
  }

  /** Ends every open request with this error. */
  failAll(error: Error): void {
    for (const request of [...this.#requests]) this.#fail(request, error)
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    try {
      while (this.#parts.scheduler.hasWork) await this.#turn()
    } catch (error) {
      // Nothing below should get here; if it does, no request may be left waiting for ever.
      this.failAll(error instanceof Error ? error : new Error(messageOf(error)))
    } finally {
      this.#running = false
    }
  }

  /** One plan, and as many follow-ups of the same rows as there is nothing else to do. */
  async #turn(): Promise<void> {
    const { scheduler } = this.#parts
    const plan = scheduler.plan(this.#pacer.steps, this.#pacer.tokens)
    if (!plan)
      throw new Error(`${scheduler.running.length} running and ${scheduler.waiting.length} waiting sequences, but none can advance`)
    if (!(await this.#encodeMedia(plan))) return
    const underWay: UnderWay[] = []
    let last: UnderWay | undefined = await this.#start(plan, false)
    while (last) {
      underWay.push(last)
      last = undefined
      if (underWay.length < SUBMITS_AHEAD) last = await this.#startNext(underWay)
      while (!last && underWay.length > 0) {
        await this.#finish(underWay.shift() as UnderWay)
        last = await this.#startNext(underWay)
      }
    }
  }

  async #startNext(underWay: readonly UnderWay[]): Promise<UnderWay | undefined> {
    const newest = underWay.at(-1)
    if (!newest || !isDecode(newest.plan.rows)) return undefined
    const ahead = underWay.reduce((sum, { plan }) => sum + plan.steps, 0)
    const next = this.#parts.scheduler.extend(newest.plan, ahead, this.#pacer.steps)
    return next && (await this.#start(next, true))
  }

  async #start(plan: Plan, follows: boolean): Promise<UnderWay | undefined> {
    const { runner } = this.#parts
    try {
      const work = follows ? await runner.follow(plan) : await runner.start(plan)
      // Whoever awaits it first sees the error; until then it must not count as unhandled.
      work.finished.catch(() => undefined)
      this.counters.steps += plan.steps
      this.#checkGrammars(plan)
      return { plan, work, began: performance.now() }
    } catch (error) {
      this.#failRows(plan, error)
      return undefined
    }
  }

  /** Ends the requests whose text can neither go on nor end. Masks are known once the step has been started. */
  #checkGrammars({ rows }: Plan): void {
    for (const { sequence, samples } of rows) {
      const request = this.#owner.get(sequence)
      if (!request || !samples) continue
      try {
        sequence.grammar?.check()
      } catch (error) {
        this.#fail(request, error as Error)
      }
    }
  }

  async #finish({ plan, work, began }: UnderWay): Promise<void> {
    try {
      const outputs = await work.finished
      this.#pace(plan, began)
      for (const output of outputs) this.#accept(output)
    } catch (error) {
      this.#failRows(plan, error)
    }
    const touched = new Set(plan.rows.map((row) => this.#owner.get(row.sequence)))
    for (const request of touched) if (request?.report()) this.#retire(request)
  }

  #pace({ rows, steps, encode }: Plan, began: number): void {
    const now = performance.now()
    if (isDecode(rows)) this.#pacer.noteSteps(steps, began, now)
    // Behind media, the time is mostly theirs.
    else if (encode.length === 0)
      this.#pacer.noteTokens(
        rows.reduce((sum, row) => sum + row.count, 0),
        began,
        now,
      )
  }

  /** Encodes the plan's media. False: some failed and ended their requests, so the plan no longer holds. */
  async #encodeMedia(plan: Plan): Promise<boolean> {
    const { runner, media } = this.#parts
    let complete = true
    for (const { key, media: item, rows } of plan.encode) {
      try {
        await runner.encode({ key, media: item, rows })
      } catch (error) {
        complete = false
        const failure = new Error(`Encoding ${item.kind} of geometry [${item.grid}] failed: ${messageOf(error)}`, { cause: error })
        if (error instanceof Error) failure.name = error.name
        for (const [sequence, request] of [...this.#owner]) if (sequence.pins.has(key)) this.#fail(request, failure)
        media.forget(key)
      }
    }
    return complete
  }

  #accept({ row, tokens, prompt, hidden }: RowOutput): void {
    const { sequence, count, samples } = row
    const request = this.#owner.get(sequence)
    const output = request?.outputs[sequence.init.index]
    const hasEnded = (): boolean => sequence.state === 'finished'
    if (!request || !output || hasEnded()) return
    if (sequence.computed < sequence.promptLength) this.#countPrompt(sequence, count)
    if (prompt.length > 0) request.acceptPrompt(prompt)
    if (!samples || hidden) this.#parts.scheduler.advance(sequence, count)
    if (hidden) this.#acceptHidden(request, hidden)
    for (const token of tokens) {
      // What was computed past the end is dropped.
      if (hasEnded()) return
      this.#parts.scheduler.advance(sequence, count)
      if (token.id === FAILED_TOKEN) {
        this.#fail(
          request,
          invalidLogitsError(
            `The model gave logits that are not finite after ${sequence.tokens.length} tokens; its weights or inputs hold NaN or infinite values.`,
          ),
        )
        return
      }
      this.counters.generatedTokens++
      try {
        output.accept(token)
      } catch (error) {
        this.#fail(request, error as Error)
        return
      }
      if (output.finishReason !== null) this.#drop(sequence)
    }
  }

  #acceptHidden(request: Request, hidden: Float32Array): void {
    try {
      request.acceptHidden(hidden)
      this.#drop(request.leader)
    } catch (error) {
      this.#fail(request, error as Error)
    }
  }

  #countPrompt(sequence: Sequence, count: number): void {
    if (sequence.computed === sequence.cachedTokens && sequence.outputLength === 0)
      this.counters.cachedPromptTokens += sequence.cachedTokens
    this.counters.promptTokens += count
  }

  #failRows(plan: Plan, thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(messageOf(thrown))
    for (const { sequence } of plan.rows) {
      const request = this.#owner.get(sequence)
      if (request) this.#fail(request, error)
    }
  }

  #fail(request: Request, error: Error): void {
    request.fail(error)
    this.#retire(request)
  }

  #retire(request: Request): void {
    this.#requests.delete(request)
    for (const { sequence } of request.outputs) this.#drop(sequence)
  }

  #drop(sequence: Sequence): void {
    if (sequence.state !== 'finished') this.#parts.scheduler.finish(sequence)
    this.#parts.runner.release(sequence)
    if (this.#owner.get(sequence)?.ended) this.#owner.delete(sequence)
  }
}
