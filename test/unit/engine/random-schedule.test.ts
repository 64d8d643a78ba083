import { describe, expect, it } from 'vitest'
import { EncoderCache } from '../../../src/engine/encoder-cache.ts'
import { KvCache } from '../../../src/engine/kv-cache.ts'
import { isDecode, type Plan } from '../../../src/engine/plan.ts'
import { Scheduler } from '../../../src/engine/scheduler.ts'
import type { Sequence } from '../../../src/engine/sequence.ts'
import { seededRandom } from '../../support/random.ts'
import { CacheModel, expectedOutput, type ModelResult } from './cache-model.ts'
import { fakeGrammar } from './fake-grammar.ts'
import { makeMedia, makeSequence, sampling } from './make-sequence.ts'

const BLOCKS = 24
const MEDIA_ROWS = 40
/** Longest sequence: what is asked of the configuration is that one always fits. */
const MAX_LENGTH = (BLOCKS - 1) * 16

/** What all sequences of a request have in common. */
const leaderOf = (sequence: Sequence): Sequence => sequence.init.leader ?? sequence

interface Submitted {
  readonly plan: Plan
  readonly result: ModelResult
}

/** An engine's loop over the model of a GPU, with requests, aborts, pauses, steps ahead and late reading, all by the dice. */
class Simulation {
  readonly kv = new KvCache(BLOCKS)
  readonly media = new EncoderCache(MEDIA_ROWS)
  readonly scheduler = new Scheduler(this.kv, this.media, { maxSequences: 5, maxTokens: 48, maxPromptRows: 8 })
  readonly model = new CacheModel(BLOCKS, MEDIA_ROWS, this.media)
  readonly live = new Set<Sequence>()
  readonly counts = { finished: 0, aborted: 0, turns: 0, follows: 0, cached: 0, putBack: 0, pausedPutBack: 0, pausedAborted: 0, grammar: 0 }
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  below = (n: number): number => Math.floor(this.#random() * n)

  addRequest(): void {
    // Few distinct beginnings, so that prefixes are shared often.
    const family = this.below(3)
    const length = 1 + this.below(this.below(5) === 0 ? MAX_LENGTH - 40 : 70)
    const picture = this.below(6)
    const media = length > 30 && this.below(2) === 0 ? [makeMedia(`picture ${picture}`, 4 + this.below(6), 12 + picture)] : []
    const prompt = Array.from({ length }, (_, i) => (i < 40 ? (i * 7 + family) % 90 : this.below(90)))
    let leader: Sequence | undefined
    const withGrammar = this.below(6) === 0
    const n = 1 + (this.below(4) === 0 ? this.below(3) : 0)
    const shared = {
      media,
      maxTokens: Math.min(1 + this.below(40), MAX_LENGTH - length),
      priority: this.below(3),
      arrival: this.counts.turns,
      cacheSalt: this.below(4) === 0 ? 'salted' : '',
      sampling: sampling(this.below(8) === 0 ? { prompt_logprobs: 0 } : {}),
    }
    for (let index = 0; index < n; index++) {
      const sequence = makeSequence(prompt, { ...shared, index, leader })
      leader ??= sequence
      if (withGrammar) sequence.grammar = fakeGrammar([])
      this.live.add(sequence)
      this.scheduler.add(sequence)
    }
  }

  /** Pauses a request or lets it go on: all its sequences at once. */
  pauseSomeone(): void {
    const list = [...this.live]
    const chosen = list[this.below(list.length)]
    if (!chosen) return
    const paused = !chosen.paused
    for (const sequence of list) if (leaderOf(sequence) === leaderOf(chosen)) sequence.paused = paused
  }

  resumeAll(): void {
    for (const sequence of this.live) sequence.paused = false
  }

  abortSomeone(): void {
    const list = [...this.live]
    const sequence = list[this.below(list.length)]
    if (!sequence) return
    if (sequence.paused) this.counts.pausedAborted++
    this.scheduler.finish(sequence)
    this.live.delete(sequence)
    this.counts.aborted++
  }

  turn(): void {
    this.counts.turns++
    const before = [...this.scheduler.running]
    const plan = this.scheduler.plan(1 + this.below(8))
    if (!plan) {
      expect(this.scheduler.hasWork).toBe(false)
      return
    }
    this.#checkRows(plan, before)
    const underWay: Submitted[] = [{ plan, result: this.model.run(plan) }]
    while (underWay.length > 0) {
      const newest = underWay.at(-1) as Submitted
      if (this.below(6) === 0) this.abortSomeone()
      if (this.below(6) === 0) this.pauseSomeone()
      const mayFollow = newest.plan.rows.every(({ sequence }) => !sequence.paused && !sequence.grammar)
      const ahead = underWay.reduce((sum, { plan: { steps } }) => sum + steps, 0)
      const next =
        isDecode(newest.plan.rows) && this.below(3) > 0 ? this.scheduler.extend(newest.plan, ahead, 1 + this.below(6)) : undefined
      if (next) expect(mayFollow).toBe(true)
      if (next && underWay.length < 3) {
        this.counts.follows++
        // The GPU goes on from tokens that nobody here has seen yet.
        underWay.push({ plan: next, result: this.#runAhead(next, underWay) })
        continue
      }
      this.#settle(underWay.shift() as Submitted)
    }
    this.#checkBooks()
  }

  /** Nobody who is paused is planned or let in, and a row with a grammar takes one step. */
  #checkRows(plan: Plan, before: readonly Sequence[]): void {
    const { running } = this.scheduler
    const left = before.filter((sequence) => !running.includes(sequence))
    if (left.length > 0) this.counts.putBack++
    if (left.some((sequence) => sequence.paused)) this.counts.pausedPutBack++
    // Somebody who goes on was put back: then no paused one was left to take from.
    if (left.some((sequence) => !sequence.paused)) expect(running.some((sequence) => sequence.paused)).toBe(false)
    expect(running.some((sequence) => sequence.paused && !before.includes(sequence))).toBe(false)
    expect(plan.rows.some(({ sequence }) => sequence.paused)).toBe(false)
    if (!plan.rows.some(({ sequence }) => sequence.grammar)) return
    this.counts.grammar++
    expect(plan.steps).toBe(1)
  }

  #runAhead(next: Plan, underWay: readonly Submitted[]): ModelResult {
    const known = next.rows.map(({ sequence }) => sequence.tokens.length)
    next.rows.forEach(({ sequence }, row) => {
      for (const { result } of underWay) sequence.tokens.push(...(result[row] ?? []))
    })
    const result = this.model.run(next)
    next.rows.forEach(({ sequence }, row) => {
      sequence.tokens.length = known[row] as number
    })
    return result
  }

  #settle({ plan, result }: Submitted): void {
    plan.rows.forEach(({ sequence, count, samples }, row) => {
      const promptRows = sequence.wantsPromptLogprobs
      if (!samples && this.live.has(sequence)) this.scheduler.advance(sequence, count)
      for (const token of result[row] ?? []) {
        if (!this.live.has(sequence)) return
        this.scheduler.advance(sequence, count)
        sequence.tokens.push(token)
        if (sequence.remaining <= 0) this.#end(sequence)
      }
      if (promptRows)
        sequence.promptLogprobsDone = Math.max(sequence.promptLogprobsDone, Math.min(sequence.computed + 1, sequence.promptLength))
    })
  }

  #end(sequence: Sequence): void {
    expect(sequence.tokens.slice(sequence.promptLength)).toEqual(expectedOutput(sequence))
    this.counts.cached += sequence.cachedTokens
    this.scheduler.finish(sequence)
    this.live.delete(sequence)
    this.counts.finished++
  }

  /** Every block is free or held exactly as often as it stands in a table. */
  #checkBooks(): void {
    const held = new Map<number, number>()
    for (const { blocks } of this.live) for (const block of blocks) held.set(block, (held.get(block) ?? 0) + 1)
    for (let block = 1; block < BLOCKS; block++) {
      if (this.kv.referencesOf(block) !== (held.get(block) ?? 0))
        throw new Error(`block ${block} is counted ${this.kv.referencesOf(block)} times, held ${held.get(block) ?? 0}`)
    }
    expect(this.kv.usedCount).toBe(held.size)
    expect(held.has(0)).toBe(false)
  }
}

describe('a long random schedule', () => {
  for (const seed of [1, 2, 3, 4]) {
    it(`loses and mixes up nothing, seed ${seed}`, () => {
      const simulation = new Simulation(seed)
      for (let turn = 0; turn < 1500; turn++) {
        if (simulation.live.size < 12 && simulation.below(4) === 0) simulation.addRequest()
        if (simulation.below(40) === 0) simulation.abortSomeone()
        if (simulation.below(10) === 0) simulation.pauseSomeone()
        simulation.turn()
      }
      simulation.resumeAll()
      for (let turn = 0; simulation.scheduler.hasWork; turn++) {
        if (turn > 5000) throw new Error('work is left that never ends')
        simulation.turn()
        simulation.resumeAll()
      }
      const { finished, aborted, follows, cached, putBack, pausedPutBack, pausedAborted, grammar } = simulation.counts
      // The dice did reach everything that can go wrong.
      for (const count of [
        finished / 100,
        aborted / 20,
        follows / 100,
        cached / 100,
        putBack / 5,
        pausedPutBack / 5,
        pausedAborted / 5,
        grammar / 100,
      ])
        expect(count).toBeGreaterThan(1)
      expect(simulation.live.size).toBe(0)
      expect(simulation.kv.usedCount).toBe(0)
      expect(simulation.media.allocate('everything', MEDIA_ROWS)).toMatchObject({ start: 0 })
    })
  }
})
