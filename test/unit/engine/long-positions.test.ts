import { describe, expect, it } from 'vitest'
import { EncoderCache } from '../../../src/engine/encoder-cache.ts'
import { KvCache } from '../../../src/engine/kv-cache.ts'
import type { Plan } from '../../../src/engine/plan.ts'
import { Scheduler } from '../../../src/engine/scheduler.ts'
import { makeSequence, range } from './make-sequence.ts'

const setUp = () => {
  const limits = { maxSequences: 4, maxTokens: 64, maxPromptRows: 8 }
  return { scheduler: new Scheduler(new KvCache(101), new EncoderCache(100), limits) }
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
const show = ({ rows }: Plan): string[] =>
  rows.map(({ sequence, start, count, samples }) => `${sequence.init.id}:${start}+${count}${samples ? '!' : ''}`)

describe('a sequence that grows past what its positions are good for', () => {
  const longPositions = { above: 20, shift: 1000 }

  it('is computed anew, in order, with the positions of long ones', () => {
    const { scheduler } = setUp()
    const grows = makeSequence(range(18), { id: 'grows', longPositions })
    scheduler.add(grows)
    scheduler.add(makeSequence(range(5, 50), { id: 'stays' }))
    const seen: string[][] = []
    for (let turn = 0; turn < 5; turn++) {
      const plan = scheduler.plan(1) as Plan
      seen.push(show(plan))
      settle(scheduler, plan)
    }
    // 20 tokens are computed before the 21st is known; then all 21 are.
    expect(seen).toEqual([
      ['grows:0+18!', 'stays:0+5!'],
      ['grows:18+1!', 'stays:5+1!'],
      ['grows:19+1!', 'stays:6+1!'],
      ['stays:7+1!', 'grows:0+21!'],
      ['grows:21+1!', 'stays:8+1!'],
    ])
    expect([0, 17, 18, 21].map((place) => grows.positionAt(1, place))).toEqual([1000, 1017, 1018, 1021])
  })

  it('is not computed ahead past that point', () => {
    const { scheduler } = setUp()
    scheduler.add(makeSequence(range(15), { id: 'grows', longPositions }))
    settle(scheduler, scheduler.plan(8) as Plan)
    const plan = scheduler.plan(2) as Plan
    expect(plan.steps).toBe(2)
    // 15 computed, 2 under way, 3 left.
    expect(scheduler.extend(plan, 2, 8)?.steps).toBe(3)
    expect(scheduler.extend(plan, 5, 8)).toBeUndefined()
    expect(scheduler.plan(8)?.steps).toBe(5)
  })

  it('has long positions from the start if its prompt is long', () => {
    const { scheduler } = setUp()
    const long = makeSequence(range(21), { id: 'long', longPositions })
    scheduler.add(long)
    settle(scheduler, scheduler.plan(8) as Plan)
    expect(long.positionAt(0, 0)).toBe(1000)
    expect((scheduler.plan(8) as Plan).steps).toBe(8)
  })

  it('shares no blocks with short ones', () => {
    const { scheduler } = setUp()
    scheduler.add(makeSequence(range(20), { id: 'short', longPositions }))
    settle(scheduler, scheduler.plan(1) as Plan)
    const long = makeSequence(range(30), { id: 'long', longPositions })
    const other = makeSequence(range(18), { id: 'other', longPositions })
    scheduler.add(long)
    scheduler.add(other)
    scheduler.plan(1)
    expect([long.cachedTokens, other.cachedTokens]).toEqual([0, 16])
  })
})
