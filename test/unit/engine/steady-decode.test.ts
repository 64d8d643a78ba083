import { describe, expect, it } from 'vitest'
import { EncoderCache } from '../../../src/engine/encoder-cache.ts'
import { KvCache } from '../../../src/engine/kv-cache.ts'
import { ModelRunner, type StepUnderWay } from '../../../src/engine/model-runner.ts'
import type { Plan } from '../../../src/engine/plan.ts'
import { Scheduler } from '../../../src/engine/scheduler.ts'
import { type Gpu, openGpu } from '../../../src/gpu/device.ts'
import type { SamplingParams } from '../../../src/protocol/sampling.ts'
import { dawn } from '../../support/dawn.ts'
import { fakeGrammar } from './fake-grammar.ts'
import { makeSequence, range, sampling } from './make-sequence.ts'

const VOCABULARY = 100
const STEPS = 8
const SUBMITS = 24

/** An engine whose model only has logits. Dawn's null backend checks every command and computes nothing. */
async function setUp(gpu: Gpu) {
  const sizes = { maxSequences: 4, maxBatchedTokens: 64, maxPromptRows: 8, tableColumns: 40, mediaRows: 16 }
  const media = new EncoderCache(sizes.mediaRows)
  const model = {
    forward: (step: Parameters<ConstructorParameters<typeof ModelRunner>[1]['forward']>[0], batch: { sampleRows: number }) =>
      step.scratch('f32', [batch.sampleRows, VOCABULARY]),
    encode: () => gpu.none,
    pools: false,
    kv: [],
    hidden: 16,
    vocabulary: VOCABULARY,
  }
  const scheduler = new Scheduler(new KvCache(200), media, { maxSequences: 4, maxTokens: 64, maxPromptRows: 8 })
  return { scheduler, runner: new ModelRunner(gpu, model, sizes, media) }
}

/** Notes a finished step; the tokens that the null backend gives mean nothing. */
async function settle(scheduler: Scheduler, plan: Plan, { finished }: StepUnderWay): Promise<void> {
  for (const { row, tokens } of await finished) {
    if (!row.samples) scheduler.advance(row.sequence, row.count)
    for (const _ of tokens) {
      scheduler.advance(row.sequence, row.count)
      row.sequence.tokens.push(5)
    }
  }
  expect(plan.steps).toBeGreaterThan(0)
}

const CASES: [name: string, params: SamplingParams][] = [
  ['greedy', { temperature: 0 }],
  ['sampling with everything', { temperature: 0.8, top_p: 0.9, presence_penalty: 1, logit_bias: { 3: 1 }, min_tokens: 4, logprobs: 5 }],
]

describe('steady decode', () => {
  for (const [name, params] of CASES) {
    it(`makes no bind group and no buffer, and writes at most 4 times a submit: ${name}`, async () => {
      const gpu = await openGpu({ gpu: dawn('null') })
      const { scheduler, runner } = await setUp(gpu)
      for (let i = 0; i < 3; i++)
        scheduler.add(makeSequence(range(20, i), { sampling: sampling({ ...params, ignore_eos: true }), maxTokens: 400 }))
      const prompt = scheduler.plan(STEPS) as Plan
      await settle(scheduler, prompt, await runner.start(prompt))
      let plan = scheduler.plan(STEPS) as Plan
      let last = { plan, work: await runner.start(plan) }
      // The first follow-up brings the second staging buffer; from there on nothing is new.
      let before = { ...gpu.counters }
      let dispatches = 0
      for (let submit = 0; submit < SUBMITS; submit++) {
        plan = scheduler.extend(last.plan, STEPS, STEPS) as Plan
        const next = { plan, work: await runner.follow(plan) }
        await settle(scheduler, last.plan, last.work)
        last = next
        if (submit === 0) {
          before = { ...gpu.counters }
          dispatches = gpu.counters.dispatches
        }
      }
      await settle(scheduler, last.plan, last.work)
      const { counters } = gpu
      expect(counters.submits - before.submits).toBe(SUBMITS - 1)
      expect(counters.bindGroups - before.bindGroups).toBe(0)
      expect(counters.buffers - before.buffers).toBe(0)
      expect(counters.queueWrites - before.queueWrites).toBeLessThanOrEqual(4 * (SUBMITS - 1))
      expect(counters.dispatches).toBeGreaterThan(dispatches + (SUBMITS - 1) * STEPS * 2)
      gpu.destroy()
    })
  }

  it('makes nothing new either while rows follow a grammar, and writes their masks beside', async () => {
    const gpu = await openGpu({ gpu: dawn('null') })
    const { scheduler, runner } = await setUp(gpu)
    for (let i = 0; i < 3; i++) {
      const sequence = makeSequence(range(20, i), { maxTokens: 400 })
      if (i > 0) sequence.grammar = fakeGrammar([[5, 6]])
      scheduler.add(sequence)
    }
    let before = { ...gpu.counters }
    for (let submit = 0; submit < SUBMITS; submit++) {
      const plan = scheduler.plan(STEPS) as Plan
      expect(plan.steps).toBe(1)
      await settle(scheduler, plan, await runner.start(plan))
      if (submit === 2) before = { ...gpu.counters }
    }
    const { counters } = gpu
    // Two each: what masks are for, and what they are used in.
    expect(counters.submits - before.submits).toBe(2 * (SUBMITS - 3))
    expect(counters.bindGroups - before.bindGroups).toBe(0)
    expect(counters.buffers - before.buffers).toBe(0)
    expect(counters.queueWrites - before.queueWrites).toBeLessThanOrEqual(4 * (SUBMITS - 3))
    gpu.destroy()
  })
})
