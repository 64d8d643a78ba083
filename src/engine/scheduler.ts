import type { EncoderCache } from './encoder-cache.ts'
import type { KvCache } from './kv-cache.ts'
import { type EncodeJob, isDecode, type Plan, type PlanRow } from './plan.ts'
import { insertInOrder, type Sequence } from './sequence.ts'

/** What a step may hold. */
export interface SchedulerLimits {
  /** Sequences advanced together. */
  readonly maxSequences: number
  /** Tokens per step. */
  readonly maxTokens: number
  /** Prompt tokens per step whose logits are wanted (prompt_logprobs): each costs a row of the vocabulary. */
  readonly maxPromptRows: number
}

/**
 * Decides what each step computes. There are no phases: every sequence may advance from what is computed towards what is known,
 * under a budget of tokens. Running ones come first, then waiting ones as room allows; when blocks run out, the newest running one
 * is put back and later computes its tokens again. Paused ones keep what they hold until somebody else needs it. Pure bookkeeping:
 * nothing here knows of a GPU.
 */
export class Scheduler {
  readonly running: Sequence[] = []
  readonly waiting: Sequence[] = []
  readonly #kv: KvCache
  readonly #media: EncoderCache
  readonly #limits: SchedulerLimits

  constructor(kv: KvCache, media: EncoderCache, limits: SchedulerLimits) {
    this.#kv = kv
    this.#media = media
    this.#limits = limits
  }

  /** Is there a sequence that may go on? Paused ones do not count. */
  get hasWork(): boolean {
    return this.#active > 0 || this.waiting.some((sequence) => !sequence.paused)
  }

  /** Sequences that could be let in now without putting back one that goes on. */
  get freePlaces(): number {
    return this.#limits.maxSequences - this.#active
  }

  add(sequence: Sequence): void {
    sequence.state = 'waiting'
    insertInOrder(this.waiting, sequence)
  }

  /** Ends a sequence, whatever it is doing, and gives back what it holds. */
  finish(sequence: Sequence): void {
    this.#leave(sequence)
    sequence.state = 'finished'
  }

  /** Notes that the next `count` tokens of a sequence have been computed. */
  advance(sequence: Sequence, count: number): void {
    sequence.computed += count
    this.#kv.publish(sequence)
    for (const key of [...sequence.pins]) {
      const needed = sequence.init.media.some((item) => item.key === key && item.offset + item.length > sequence.computed)
      if (!needed) this.#unpin(sequence, key)
    }
  }

  /**
   * The next step, or undefined if nothing can advance. maxSteps: tokens per sequence worth computing without looking at them.
   * maxTokens: tokens in all, if less than the limits allow.
   */
  plan(maxSteps: number, maxTokens = Number.POSITIVE_INFINITY): Plan | undefined {
    const { maxSequences, maxPromptRows: promptRows } = this.#limits
    const tokens = Math.min(this.#limits.maxTokens, Math.max(maxTokens, maxSequences))
    const turn: Turn = { rows: [], encode: [], tokens, promptRows }
    let putBack = false
    for (const sequence of this.running.filter(({ hasOutgrown }) => hasOutgrown)) this.#putBack(sequence)
    for (const sequence of [...this.running]) {
      if (turn.tokens === 0) break
      if (sequence.state !== 'running' || sequence.paused) continue
      const count = this.#affordable(sequence, turn)
      if (count === 0) continue
      while (sequence.state === 'running' && !this.#kv.reserve(sequence, sequence.computed + count)) {
        if (this.#putBackPaused()) continue
        this.#putBack(this.running.at(-1) as Sequence)
        putBack = true
      }
      if (sequence.state === 'running') this.#take(sequence, count, turn)
    }
    if (!putBack) this.#admit(turn)
    return turn.rows.length > 0 ? { rows: turn.rows, encode: turn.encode, steps: this.#stepsFor(turn.rows, maxSteps) } : undefined
  }

  /** A plan of the same rows to follow `ahead` steps that nobody has read yet, or undefined if the rows should change first. */
  extend(plan: Plan, ahead: number, maxSteps: number): Plan | undefined {
    if (!isDecode(plan.rows) || plan.rows.length < this.#active) return undefined
    if (plan.rows.some(({ sequence }) => sequence.state !== 'running' || sequence.paused || sequence.grammar)) return undefined
    if (this.freePlaces > 0 && this.waiting.some((sequence) => sequence.isReady && !sequence.paused)) return undefined
    const steps = Math.min(maxSteps, usefulSteps(plan.rows) - ahead)
    if (steps < 1 || !plan.rows.every((row) => this.#reserveSteps(row.sequence, ahead + steps))) return undefined
    return { rows: plan.rows.map((row) => ({ ...row, start: row.sequence.computed + ahead })), encode: [], steps }
  }

  /** Lets waiting sequences in, in order, while there is room for all of their known tokens. */
  #admit(turn: Turn): void {
    for (const sequence of [...this.waiting]) {
      if (turn.tokens === 0) return
      if (!sequence.isReady || sequence.paused) continue
      if (this.running.length >= this.#limits.maxSequences && !this.#putBackPaused()) return
      sequence.settle()
      // Cached blocks come without logits, so prompt_logprobs needs every token computed.
      sequence.computed = sequence.wantsPromptLogprobs ? 0 : this.#kv.adopt(sequence)
      const count = this.#reserveAll(sequence) ? this.#affordable(sequence, turn) : 0
      if (count === 0) {
        this.#release(sequence)
        return
      }
      if (sequence.outputLength === 0) sequence.cachedTokens = sequence.computed
      this.waiting.splice(this.waiting.indexOf(sequence), 1)
      sequence.state = 'running'
      insertInOrder(this.running, sequence)
      this.#take(sequence, count, turn)
    }
  }

  /** How many tokens of a sequence this turn can pay for; sets aside encoder rows for the media among them. */
  #affordable(sequence: Sequence, turn: Turn): number {
    const start = sequence.computed
    let end = Math.min(sequence.tokens.length, start + turn.tokens)
    if (sequence.wantsPromptLogprobs) end = Math.min(end, start + turn.promptRows)
    for (const item of sequence.init.media) {
      if (item.offset >= end || item.offset + item.length <= start || sequence.pins.has(item.key)) continue
      if (!this.#media.find(item.key)) {
        let rows = this.#media.allocate(item.key, item.media.tokens)
        while (!rows && this.#putBackPaused(({ pins }) => pins.size > 0)) rows = this.#media.allocate(item.key, item.media.tokens)
        if (!rows) return Math.max(0, item.offset - start)
        turn.encode.push({ key: item.key, media: item.media, rows })
      }
      this.#media.pin(item.key)
      sequence.pins.add(item.key)
    }
    return end - start
  }

  #take(sequence: Sequence, count: number, turn: Turn): void {
    const samples = sequence.computed + count === sequence.tokens.length
    turn.rows.push({ sequence, start: sequence.computed, count, samples })
    turn.tokens -= count
    if (sequence.wantsPromptLogprobs) turn.promptRows -= count
  }

  #stepsFor(rows: readonly PlanRow[], maxSteps: number): number {
    if (!isDecode(rows) || rows.some((row) => row.sequence.grammar)) return 1
    let steps = Math.min(maxSteps, usefulSteps(rows))
    while (steps > 1 && !rows.every((row) => this.#reserveSteps(row.sequence, steps))) steps >>= 1
    return Math.max(1, steps)
  }

  /** Room for this many new tokens, not counting those past the sequence's end: they go to the trash block. */
  #reserveSteps(sequence: Sequence, steps: number): boolean {
    return this.#kv.reserve(sequence, sequence.computed + Math.max(1, Math.min(steps, sequence.remaining)))
  }

  /** Room for all known tokens of a sequence, if need be that of paused ones. */
  #reserveAll(sequence: Sequence): boolean {
    while (!this.#kv.reserve(sequence, sequence.tokens.length)) if (!this.#putBackPaused()) return false
    return true
  }

  /** Running sequences that are not paused. */
  get #active(): number {
    return this.running.reduce((count, sequence) => count + (sequence.paused ? 0 : 1), 0)
  }

  /** Puts the newest paused sequence that runs (and is of use) back; false: there is none. */
  #putBackPaused(isOfUse: (sequence: Sequence) => boolean = () => true): boolean {
    const victim = this.running.findLast((sequence) => sequence.paused && isOfUse(sequence))
    if (victim) this.#putBack(victim)
    return victim !== undefined
  }

  #putBack(sequence: Sequence): void {
    this.#leave(sequence)
    this.add(sequence)
  }

  #leave(sequence: Sequence): void {
    for (const list of [this.running, this.waiting]) {
      const at = list.indexOf(sequence)
      if (at >= 0) list.splice(at, 1)
    }
    this.#release(sequence)
  }

  #release(sequence: Sequence): void {
    this.#kv.release(sequence)
    for (const key of [...sequence.pins]) this.#unpin(sequence, key)
    sequence.computed = 0
  }

  #unpin(sequence: Sequence, key: string): void {
    this.#media.unpin(key)
    sequence.pins.delete(key)
  }
}

/** Tokens per row after which all have ended, or one has outgrown what was computed. */
const usefulSteps = (rows: readonly PlanRow[]): number =>
  Math.min(Math.max(...rows.map(({ sequence }) => sequence.remaining)), ...rows.map(({ sequence }) => sequence.roomToGrow))

/** What a turn has planned, and what it can still spend. */
interface Turn {
  readonly rows: PlanRow[]
  readonly encode: EncodeJob[]
  tokens: number
  promptRows: number
}
