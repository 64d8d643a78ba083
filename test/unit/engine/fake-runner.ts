import type { Runner, StepUnderWay } from '../../../src/engine/model-runner.ts'
import type { EncodeJob, Plan } from '../../../src/engine/plan.ts'
import type { Sequence } from '../../../src/engine/sequence.ts'
import { FAILED_TOKEN, type RowOutput, type SampledToken } from '../../../src/engine/step-output.ts'
import { END_TOKEN } from './make-sequence.ts'

/**
 * Says a script in place of a model's tokens: entry i is the i-th new token of every sequence whose prompt begins with its key. Where a
 * grammar forbids it, the lowest token that is allowed takes its place.
 */
export class FakeRunner implements Runner {
  readonly scripts: Readonly<Record<number, readonly number[]>>
  /** Kinds of submits in order, with their steps. */
  readonly log: string[] = []
  readonly released = new Set<Sequence>()
  /** Thrown by the next call. */
  failStart: Error | undefined
  failEncode: string | undefined
  /** Called before results are handed back. */
  onFinish: (() => void) | undefined
  /** Submits whose results have not been handed back. */
  pending = 0
  #ahead = new Map<Sequence, number>()

  constructor(scripts: Readonly<Record<number, readonly number[]>>) {
    this.scripts = scripts
  }

  async encode(job: EncodeJob): Promise<void> {
    this.log.push(`encode ${job.key}`)
    if (job.key === this.failEncode) throw new Error('the encoder broke')
  }

  async start(plan: Plan): Promise<StepUnderWay> {
    this.log.push(`start ${plan.steps}`)
    this.#ahead = new Map()
    return this.#run(plan)
  }

  async follow(plan: Plan): Promise<StepUnderWay> {
    this.log.push(`follow ${plan.steps}`)
    return this.#run(plan)
  }

  release(sequence: Sequence): void {
    this.released.add(sequence)
  }

  #run(plan: Plan): StepUnderWay {
    const error = this.failStart
    this.failStart = undefined
    if (error) throw error
    const outputs = plan.rows.map((row): RowOutput => {
      const { sequence, samples, start, count } = row
      const tokens: SampledToken[] = []
      for (let step = 0; samples && step < plan.steps; step++) {
        const place = Math.max(sequence.outputLength, this.#ahead.get(sequence) ?? 0)
        this.#ahead.set(sequence, place + 1)
        const id = allowedToken(sequence, this.scripts[sequence.tokens[0] as number]?.[place] ?? END_TOKEN)
        tokens.push({ id, scores: { logprob: -1, rank: 1, topIds: [id], topLogprobs: [-1] } })
      }
      const scored = sequence.wantsPromptLogprobs
        ? Array.from({ length: count }, (_, i) => start + i + 1).filter((place) => place < sequence.promptLength)
        : []
      return {
        row,
        tokens,
        prompt: scored.map((place) => ({ place, scores: { logprob: -place, rank: 2, topIds: [3], topLogprobs: [-0.5] } })),
      }
    })
    // Results come when the GPU is done, some turns of the event loop later.
    this.pending++
    const finished = new Promise<RowOutput[]>((resolve) => setTimeout(() => resolve(outputs), 1)).then((result) => {
      this.pending--
      this.onFinish?.()
      return result
    })
    return { finished }
  }
}

function allowedToken({ grammar }: Sequence, wanted: number): number {
  if (!grammar) return wanted
  const { mask } = grammar
  const allowed = Array.from({ length: mask.length * 32 }, (_, id) => id).filter((id) => ((mask[id >> 5] ?? 0) >> (id & 31)) & 1)
  return allowed.includes(wanted) ? wanted : (allowed[0] ?? FAILED_TOKEN)
}
