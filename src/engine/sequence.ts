import type { LongPositions, PreparedMedia } from '../models/family.ts'
import type { ResolvedSampling } from './sampling.ts'
import type { SequenceGrammar } from './sequence-grammar.ts'

/** A media item's place in a sequence, and what the caches know it by. */
export interface SequenceMedia {
  /** Made of a hash of the contents and, for pixels, the processor's options: equal keys, equal items. */
  readonly key: string
  readonly offset: number
  readonly length: number
  /** Which of the item's rows stands at `offset`. Default 0. */
  readonly row?: number
  readonly media: PreparedMedia
}

export type SequenceState = 'waiting' | 'running' | 'finished'

/** What a sequence is made from; n continuations of one prompt differ only in index, seed and leader. */
export interface SequenceInit {
  readonly id: string
  /** Which of the request's n continuations. */
  readonly index: number
  readonly promptTokens: readonly number[]
  readonly media: readonly SequenceMedia[]
  /** i32 [3, prompt length] flat. */
  readonly positions: Int32Array
  /** Position of the first generated token, equal in all three streams. */
  readonly nextPosition: number
  /** How positions change when the sequence has grown; undefined: not at all. */
  readonly longPositions?: LongPositions | undefined
  readonly sampling: ResolvedSampling
  /** New tokens at most, already cut to what max_model_len leaves. */
  readonly maxTokens: number
  readonly priority: number
  /** Serial number of the request: lower came earlier. */
  readonly arrival: number
  /** Part of every prefix key, so that sequences with different salts share nothing. */
  readonly cacheSalt: string
  /** Continuation 0, which computes the prompt for the others. */
  readonly leader: Sequence | undefined
}

/**
 * One continuation of one prompt: the tokens known so far, and how many of them have been computed. The engine does nothing but let
 * `computed` catch up with `tokens`; whether that is a prompt or a new token makes no difference.
 */
export class Sequence {
  readonly init: SequenceInit
  /** Prompt and output. */
  readonly tokens: number[]
  /** Tokens whose keys and values are in the cache. */
  computed = 0
  /** Prompt tokens that came from the prefix cache when the sequence was first admitted. */
  cachedTokens = 0
  state: SequenceState = 'waiting'
  /** Page numbers in order of place. Only KvCache changes them. */
  readonly blocks: number[] = []
  /** Keys of the prefix ending at each full block, as far as they have been worked out. Only KvCache changes them. */
  readonly prefixIds: number[] = []
  /** Keys of media held in the encoder cache for this sequence. Only the scheduler changes them. */
  readonly pins = new Set<string>()
  /** Prompt tokens whose log-probabilities have been handed out. */
  promptLogprobsDone = 0
  /** What its text must follow. The next token's mask is known only when the last token is, so it takes one step at a time. */
  grammar: SequenceGrammar | undefined
  /** What is added to all its positions. Changes only while nothing is computed. */
  shift = 0
  /** Nobody reads what it writes: it is not to be computed further, and the first to be put back. */
  paused = false

  constructor(init: SequenceInit) {
    this.init = init
    this.tokens = [...init.promptTokens]
  }

  get promptLength(): number {
    return this.init.promptTokens.length
  }

  get outputLength(): number {
    return this.tokens.length - this.promptLength
  }

  /** New tokens still allowed. */
  get remaining(): number {
    return this.init.maxTokens - this.outputLength
  }

  /** Continuations of one prompt wait until the first has computed it, and then share its blocks. */
  get isReady(): boolean {
    const { leader } = this.init
    return !leader || leader.state === 'finished' || leader.computed >= leader.promptLength
  }

  /** Does this sequence still owe log-probabilities of its prompt? Then every prompt token goes through the head. */
  get wantsPromptLogprobs(): boolean {
    return this.init.sampling.promptLogprobs !== undefined && this.promptLogprobsDone < this.promptLength && !this.init.leader
  }

  /** What was computed no longer holds: the sequence is longer than its positions are good for. */
  get hasOutgrown(): boolean {
    const { longPositions: long } = this.init
    return long !== undefined && this.shift !== long.shift && this.tokens.length > long.above
  }

  /** Tokens that can still be computed before it outgrows its positions. */
  get roomToGrow(): number {
    const { longPositions: long } = this.init
    return long === undefined || this.shift === long.shift ? Number.POSITIVE_INFINITY : long.above - this.computed
  }

  /** Takes the positions for its length. Nothing may be computed yet. */
  settle(): void {
    if (this.hasOutgrown) this.shift = this.init.longPositions?.shift ?? 0
  }

  /** Rotary position of the token at `place` in stream 0 (temporal), 1 (height) or 2 (width). */
  positionAt(stream: number, place: number): number {
    const { positions, nextPosition } = this.init
    if (place < this.promptLength) return this.shift + (positions[stream * this.promptLength + place] ?? 0)
    return this.shift + nextPosition + place - this.promptLength
  }

  /** The media item that covers `place`. */
  mediaAt(place: number): SequenceMedia | undefined {
    return this.init.media.find((media) => place >= media.offset && place < media.offset + media.length)
  }
}

/** Puts a sequence into a list in the order of service: lower priority numbers first, then earlier arrival, then lower index. */
export function insertInOrder(list: Sequence[], sequence: Sequence): void {
  const { priority, arrival, index } = sequence.init
  const after = list.findIndex(({ init }) => (priority - init.priority || arrival - init.arrival || index - init.index) < 0)
  list.splice(after < 0 ? list.length : after, 0, sequence)
}
