import { describe, expect, it } from 'vitest'
import { EncoderCache } from '../../../src/engine/encoder-cache.ts'
import { KvCache } from '../../../src/engine/kv-cache.ts'
import type { Plan } from '../../../src/engine/plan.ts'
import { Scheduler, type SchedulerLimits } from '../../../src/engine/scheduler.ts'
import { fakeGrammar } from './fake-grammar.ts'
import { makeMedia, makeSequence, range, sampling } from './make-sequence.ts'

function setUp({ blocks = 100, media = 100, ...limits }: Partial<SchedulerLimits> & { blocks?: number; media?: number } = {}) {
  const kv = new KvCache(blocks + 1)
  const encoder = new EncoderCache(media)
  const scheduler = new Scheduler(kv, encoder, { maxSequences: 4, maxTokens: 64, maxPromptRows: 8, ...limits })
  return { kv, encoder, scheduler }
}

/** Pretends to have computed a plan; every sampled token is 5. */
function settle(scheduler: Scheduler, plan: Plan): void {
  for (const { sequence, count, samples } of plan.rows) {
    for (let step = 0; step < plan.steps; step++) {
      scheduler.advance(sequence, count)
      if (samples) sequence.tokens.push(5)
    }
  }
}

/** id:start+count of each row, ! where it samples. */
const show = (plan: Plan | undefined): string[] =>
  (plan?.rows ?? []).map((row) => `${row.sequence.init.id}:${row.start}+${row.count}${row.samples ? '!' : ''}`)

describe('Scheduler', () => {
  it('cuts a long prompt into chunks that fit the token budget', () => {
    const { scheduler } = setUp()
    scheduler.add(makeSequence(range(150), { id: 'a' }))
    const seen: string[][] = []
    for (let turn = 0; turn < 4; turn++) {
      const plan = scheduler.plan(1) as Plan
      seen.push(show(plan))
      settle(scheduler, plan)
    }
    expect(seen).toEqual([['a:0+64'], ['a:64+64'], ['a:128+22!'], ['a:150+1!']])
  })

  it('serves running sequences first and fills the step with waiting ones', () => {
    const { scheduler } = setUp()
    scheduler.add(makeSequence(range(10), { id: 'a' }))
    settle(scheduler, scheduler.plan(1) as Plan)
    scheduler.add(makeSequence(range(30, 20), { id: 'b' }))
    scheduler.add(makeSequence(range(100, 50), { id: 'c' }))
    expect(show(scheduler.plan(8))).toEqual(['a:10+1!', 'b:0+30!', 'c:0+33'])
  })

  it('takes lower priority numbers first, then earlier arrivals', () => {
    const { scheduler } = setUp({ maxSequences: 2 })
    scheduler.add(makeSequence(range(5), { id: 'late', arrival: 2, priority: 1 }))
    scheduler.add(makeSequence(range(5), { id: 'early', arrival: 1, priority: 1 }))
    scheduler.add(makeSequence(range(5), { id: 'urgent', arrival: 3, priority: 0 }))
    expect(show(scheduler.plan(1))).toEqual(['urgent:0+5!', 'early:0+5!'])
  })

  it('plans several steps only when every sequence brings one token, and no more than are wanted', () => {
    const { scheduler } = setUp()
    scheduler.add(makeSequence(range(10), { maxTokens: 6 }))
    const first = scheduler.plan(8) as Plan
    expect(first.steps).toBe(1)
    settle(scheduler, first)
    const second = scheduler.plan(8) as Plan
    expect(second.steps).toBe(5)
  })

  it('puts the newest sequence back when blocks run out, and it keeps its text', () => {
    const { scheduler, kv } = setUp({ blocks: 4 })
    const a = makeSequence(range(32), { id: 'a', maxTokens: 40 })
    const b = makeSequence(range(30, 40), { id: 'b', maxTokens: 40 })
    scheduler.add(a)
    scheduler.add(b)
    settle(scheduler, scheduler.plan(1) as Plan)
    expect(kv.freeCount).toBe(0)
    // a needs a third block for its 33rd token.
    expect(show(scheduler.plan(1))).toEqual(['a:32+1!'])
    expect(b.state).toBe('waiting')
    expect(b.computed).toBe(0)
    expect(b.blocks).toEqual([])
    expect(b.tokens.length).toBe(31)
    scheduler.finish(a)
    // Its first block is still there and comes back for nothing.
    expect(show(scheduler.plan(1))).toEqual(['b:16+15!'])
  })

  it('lowers the number of steps before it puts anyone back', () => {
    const { scheduler } = setUp({ blocks: 2 })
    scheduler.add(makeSequence(range(20), { id: 'a', maxTokens: 60 }))
    settle(scheduler, scheduler.plan(1) as Plan)
    const plan = scheduler.plan(32) as Plan
    expect(plan.steps).toBe(8)
    expect(show(plan)).toEqual(['a:20+1!'])
  })

  it('does not let a waiting sequence in before all its tokens have room', () => {
    const { scheduler } = setUp({ blocks: 4 })
    scheduler.add(makeSequence(range(40), { id: 'a' }))
    scheduler.add(makeSequence(range(40, 50), { id: 'b' }))
    scheduler.add(makeSequence(range(3, 95), { id: 'c' }))
    // c would fit, but b was here first.
    expect(show(scheduler.plan(1))).toEqual(['a:0+40!'])
  })

  it('computes the prompt of n continuations once', () => {
    const { scheduler, kv } = setUp()
    const leader = makeSequence(range(40), { id: 'a' })
    const second = makeSequence(range(40), { id: 'b', index: 1, arrival: leader.init.arrival, leader })
    scheduler.add(leader)
    scheduler.add(second)
    const plan = scheduler.plan(1) as Plan
    expect(show(plan)).toEqual(['a:0+40!'])
    settle(scheduler, plan)
    expect(show(scheduler.plan(1))).toEqual(['a:40+1!', 'b:32+8!'])
    expect(second.blocks.slice(0, 2)).toEqual(leader.blocks.slice(0, 2))
    expect(kv.referencesOf(leader.blocks[0] as number)).toBe(2)
  })

  it('has media encoded before the step that needs them, once, and keeps their rows until they have been read', () => {
    const { scheduler, encoder } = setUp({ maxTokens: 16, media: 12 })
    scheduler.add(makeSequence(range(40), { id: 'a', media: [makeMedia('cat', 10, 12)] }))
    const first = scheduler.plan(1) as Plan
    expect(first.encode.map((job) => [job.key, job.rows.start, job.rows.length])).toEqual([['cat', 0, 12]])
    settle(scheduler, first)
    expect(encoder.allocate('other', 1)).toBe(undefined)
    const second = scheduler.plan(1) as Plan
    expect(second.encode).toEqual([])
    settle(scheduler, second)
    expect(encoder.allocate('other', 1)).toMatchObject({ start: 0 })
  })

  it('stops before media that have no room yet, and goes on when they have', () => {
    const { scheduler } = setUp({ maxTokens: 20, media: 12 })
    const a = makeSequence(range(24), { id: 'a', media: [makeMedia('cat', 10, 12)] })
    const b = makeSequence(range(24, 40), { id: 'b', media: [makeMedia('dog', 2, 8)] })
    scheduler.add(a)
    settle(scheduler, scheduler.plan(1) as Plan)
    scheduler.add(b)
    const plan = scheduler.plan(1) as Plan
    expect(show(plan)).toEqual(['a:20+4!', 'b:0+2'])
    expect(plan.encode).toEqual([])
    settle(scheduler, plan)
    const next = scheduler.plan(1) as Plan
    expect(show(next)).toEqual(['a:24+1!', 'b:2+19'])
    expect(next.encode.map((job) => job.key)).toEqual(['dog'])
  })

  it('reuses rows of media that another sequence had encoded', () => {
    const { scheduler } = setUp()
    scheduler.add(makeSequence(range(30), { media: [makeMedia('cat', 10, 12)] }))
    settle(scheduler, scheduler.plan(1) as Plan)
    scheduler.add(makeSequence(range(30, 40), { media: [makeMedia('cat', 3, 12)] }))
    expect((scheduler.plan(1) as Plan).encode).toEqual([])
  })

  it('limits how many prompt tokens go through the head, and takes none of them from the cache', () => {
    const { scheduler } = setUp()
    const plain = makeSequence(range(20))
    scheduler.add(plain)
    settle(scheduler, scheduler.plan(1) as Plan)
    scheduler.finish(plain)
    const scored = makeSequence(range(20), { id: 'a', sampling: sampling({ prompt_logprobs: 1 }) })
    scheduler.add(scored)
    expect(show(scheduler.plan(1))).toEqual(['a:0+8'])
  })

  it('gives everything back when a sequence ends, whatever it was doing', () => {
    const { scheduler, kv, encoder } = setUp({ maxTokens: 16 })
    const running = makeSequence(range(40), { media: [makeMedia('cat', 10, 12)] })
    const waiting = makeSequence(range(40, 50))
    scheduler.add(running)
    scheduler.plan(1)
    scheduler.add(waiting)
    scheduler.finish(running)
    scheduler.finish(waiting)
    expect(scheduler.hasWork).toBe(false)
    expect(kv.usedCount).toBe(0)
    expect(encoder.allocate('large', 100)).toMatchObject({ start: 0 })
    expect(scheduler.plan(1)).toBe(undefined)
  })
})

describe('a paused sequence', () => {
  function pausing(limits: Parameters<typeof setUp>[0] = {}) {
    const parts = setUp(limits)
    const [a, b] = [makeSequence(range(20), { id: 'a', maxTokens: 60 }), makeSequence(range(20, 40), { id: 'b', maxTokens: 60 })]
    parts.scheduler.add(a)
    parts.scheduler.add(b)
    settle(parts.scheduler, parts.scheduler.plan(1) as Plan)
    return { ...parts, a, b }
  }

  it('is passed over, keeps what it holds, and goes on where it was', () => {
    const { scheduler, a } = pausing()
    a.paused = true
    const blocks = [...a.blocks]
    const plan = scheduler.plan(4) as Plan
    expect(show(plan)).toEqual(['b:20+1!'])
    settle(scheduler, plan)
    expect(a.blocks).toEqual(blocks)
    a.paused = false
    expect(show(scheduler.plan(1))).toEqual(['a:20+1!', 'b:24+1!'])
  })

  it('is no work, neither running nor waiting', () => {
    const { scheduler, a, b } = pausing()
    const waiting = makeSequence(range(5), { id: 'c' })
    scheduler.add(waiting)
    for (const sequence of [a, b, waiting]) sequence.paused = true
    expect(scheduler.hasWork).toBe(false)
    expect(scheduler.plan(4)).toBe(undefined)
    waiting.paused = false
    expect(scheduler.hasWork).toBe(true)
    expect(show(scheduler.plan(4))).toEqual(['c:0+5!'])
  })

  it('is the first to be put back when blocks run out, however old, and comes back when it goes on', () => {
    const { scheduler, a, b, kv } = pausing({ blocks: 4 })
    a.paused = true
    while (b.tokens.length < 33) settle(scheduler, scheduler.plan(1) as Plan)
    expect(kv.freeCount).toBe(0)
    expect(show(scheduler.plan(1))).toEqual(['b:32+1!'])
    expect([a.state, a.computed, a.blocks.length, a.tokens.length]).toEqual(['waiting', 0, 0, 21])
    expect(show(scheduler.plan(1))).toEqual(['b:32+1!'])
    scheduler.finish(b)
    expect(scheduler.plan(1)).toBe(undefined)
    a.paused = false
    // Its first block may still be there; the rest is computed again.
    expect(show(scheduler.plan(1))).toEqual(['a:16+5!'])
  })

  it('gives its blocks and its place to those who wait', () => {
    for (const limits of [{ blocks: 4 }, { maxSequences: 2 }]) {
      const { scheduler, a, b } = pausing(limits)
      a.paused = true
      b.paused = true
      scheduler.add(makeSequence(range(20, 70), { id: 'c' }))
      expect(scheduler.freePlaces).toBe(limits.maxSequences ?? 4)
      expect(show(scheduler.plan(1))).toEqual(['c:0+20!'])
      // The newest one goes first, and no more than needed.
      expect([a.state, b.state]).toEqual(['running', 'waiting'])
    }
  })

  it('gives up its media rows when another needs them', () => {
    const { scheduler } = setUp({ maxTokens: 16, media: 12 })
    const a = makeSequence(range(40), { id: 'a', media: [makeMedia('cat', 10, 12)] })
    scheduler.add(a)
    settle(scheduler, scheduler.plan(1) as Plan)
    a.paused = true
    scheduler.add(makeSequence(range(12, 40), { id: 'b', media: [makeMedia('dog', 0, 8)] }))
    const plan = scheduler.plan(1) as Plan
    expect(show(plan)).toEqual(['b:0+12!'])
    expect(plan.encode.map((job) => job.key)).toEqual(['dog'])
    expect(a.state).toBe('waiting')
  })

  it('can be ended', () => {
    const { scheduler, a, b, kv } = pausing()
    a.paused = true
    scheduler.finish(a)
    scheduler.finish(b)
    expect(scheduler.hasWork).toBe(false)
    expect(kv.usedCount).toBe(0)
  })
})

describe('a sequence with a grammar', () => {
  it('takes one step at a time, together with all others of its step', () => {
    const { scheduler } = setUp()
    const plain = makeSequence(range(10), { id: 'a' })
    const strict = makeSequence(range(10, 20), { id: 'b' })
    strict.grammar = fakeGrammar([])
    scheduler.add(plain)
    scheduler.add(strict)
    settle(scheduler, scheduler.plan(8) as Plan)
    const together = scheduler.plan(8) as Plan
    expect([show(together), together.steps]).toEqual([['a:10+1!', 'b:10+1!'], 1])
    expect(scheduler.extend(together, 1, 8)).toBe(undefined)
    settle(scheduler, together)
    scheduler.finish(strict)
    const alone = scheduler.plan(8) as Plan
    expect([show(alone), alone.steps]).toEqual([['a:11+1!'], 8])
    expect(scheduler.extend(alone, 4, 4)?.steps).toBe(4)
  })
})

describe('Scheduler.extend', () => {
  function decoding(limits: Parameters<typeof setUp>[0] = {}) {
    const parts = setUp(limits)
    const sequence = makeSequence(range(10), { id: 'a', maxTokens: 40 })
    parts.scheduler.add(sequence)
    settle(parts.scheduler, parts.scheduler.plan(1) as Plan)
    return { ...parts, sequence, plan: parts.scheduler.plan(4) as Plan }
  }

  it('goes on with the same rows behind steps that are under way, with room for them', () => {
    const { scheduler, sequence, plan } = decoding()
    const next = scheduler.extend(plan, 4, 8) as Plan
    expect(show(next)).toEqual(['a:14+1!'])
    expect(next.steps).toBe(8)
    expect(sequence.blocks.length * 16).toBeGreaterThanOrEqual(22)
  })

  it('stops when nothing more is wanted', () => {
    const { scheduler, plan } = decoding()
    expect(scheduler.extend(plan, 39, 8)).toBe(undefined)
    expect(scheduler.extend(plan, 37, 8)?.steps).toBe(2)
  })

  it('stops when a sequence has ended, when another could join, and when blocks run out', () => {
    const ended = decoding()
    ended.scheduler.finish(ended.sequence)
    expect(ended.scheduler.extend(ended.plan, 4, 4)).toBe(undefined)
    const joined = decoding()
    joined.scheduler.add(makeSequence(range(5)))
    expect(joined.scheduler.extend(joined.plan, 4, 4)).toBe(undefined)
    const paused = decoding()
    paused.sequence.paused = true
    expect(paused.scheduler.extend(paused.plan, 4, 4)).toBe(undefined)
    const full = decoding({ blocks: 1 })
    expect(full.scheduler.extend(full.plan, 4, 4)).toBe(undefined)
  })

  it('goes on beside one that is paused, unless that has the place of one that waits', () => {
    const { scheduler, sequence } = decoding({ maxSequences: 2 })
    const other = makeSequence(range(5, 50), { id: 'b' })
    scheduler.add(other)
    settle(scheduler, scheduler.plan(1) as Plan)
    other.paused = true
    const plan = scheduler.plan(4) as Plan
    expect(show(plan)).toEqual([`a:${sequence.computed}+1!`])
    expect(scheduler.extend(plan, 4, 4)?.steps).toBe(4)
    scheduler.add(makeSequence(range(5), { id: 'c' }))
    expect(scheduler.extend(plan, 4, 4)).toBe(undefined)
  })

  it('goes on when those waiting could not join anyway', () => {
    const { scheduler, plan } = decoding({ maxSequences: 1 })
    scheduler.add(makeSequence(range(5)))
    expect(scheduler.extend(plan, 4, 4)?.steps).toBe(4)
  })
})
