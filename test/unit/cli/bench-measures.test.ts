import { describe, expect, it } from 'vitest'
import { answersAlone, measureBatch } from '../../../cli/bench-batch.ts'
import { checkFinite, measureDecode, measurePrefill } from '../../../cli/bench-measures.ts'
import { isGood } from '../../../cli/bench-rows.ts'
import { type Bench, median, promptIds } from '../../../cli/bench-runs.ts'
import type { MeasuredAnswer, MeasuredRun } from '../../../cli/page/page-measure.ts'
import { tinyQwen2Vl } from '../../../cli/shapes/qwen2-vl.ts'
import type { ModelInfo } from '../../../src/index.ts'

type Answerer = (run: MeasuredRun, index: number, ids: number[]) => Partial<MeasuredAnswer>

/** A bench whose page answers as it is told; what was asked for is kept. */
function benchOf(answerer: Answerer): { bench: Bench; asked: MeasuredRun[] } {
  const asked: MeasuredRun[] = []
  const call = async (_work: unknown, run: MeasuredRun) => {
    asked.push(run)
    return run.prompts.map((prompt, i) => {
      const ids = 'ids' in prompt ? prompt.ids : []
      return { tokens: [], arrivals: [], promptTokens: ids.length, logprobs: [], ...answerer(run, i, ids) }
    })
  }
  const info = { dtype: 'float16', quantization: 'q4' } as ModelInfo
  const plan = { contexts: [64], prefill: [32], batches: [1, 2], sides: [], seconds: [], outputTokens: 8, runs: 2 }
  return { asked, bench: { session: { call: call as unknown as Bench['session']['call'], info }, shape: tinyQwen2Vl, plan } }
}

const counted = (length: number, first = 0): number[] => Array.from({ length }, (_, i) => first + i)

describe('what bench measures', () => {
  it('takes the middle of its runs', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
  })

  it('makes prompts of ordinary ids from all of the vocabulary, the same each time', () => {
    const ids = promptIds(tinyQwen2Vl, 5000, 1)
    expect(ids).toEqual(promptIds(tinyQwen2Vl, 5000, 1))
    expect(ids.slice(0, 20)).not.toEqual(promptIds(tinyQwen2Vl, 20, 2))
    expect(Math.max(...ids)).toBeGreaterThan(500)
    expect(Math.min(...ids)).toBeLessThan(12)
    for (const special of Object.values(tinyQwen2Vl.specials)) expect(ids).not.toContain(special)
  })

  it('decodes to the end of the context, and counts speed from the first arrival to the last', async () => {
    // 8 tokens: two at 100 ms, the last of six more at 130 ms; the run that warms up is slow.
    let run = 0
    const { bench, asked } = benchOf(() => {
      const slow = run++ === 0 ? 50 : 1
      return {
        tokens: counted(8),
        arrivals: [
          [100, 2],
          [115 * slow, 5],
          [130 * slow, 8],
        ],
      }
    })
    const row = await measureDecode(bench, 64)
    expect(row).toMatchObject({ row: 'decode', context: 64, tokens_per_second: 200, runs: [200, 200], same_tokens: true })
    expect(asked.map(({ maxTokens, prompts: [prompt] }) => [maxTokens, prompt && 'ids' in prompt && prompt.ids.length])).toEqual([
      [8, 56],
      [8, 56],
      [8, 56],
    ])
    expect(new Set(asked.map(({ salt }) => salt)).size).toBe(3)
  })

  it('tells no speed of tokens that came all at once', async () => {
    const { bench } = benchOf(() => ({ tokens: counted(8), arrivals: [[5, 8]] }))
    await expect(measureDecode(bench, 64)).rejects.toThrow('ask for more with --output-tokens')
  })

  it('notices runs that differ', async () => {
    let run = 0
    const { bench } = benchOf(() => ({
      tokens: [...counted(7), run++],
      arrivals: [
        [1, 1],
        [2, 8],
      ],
    }))
    const row = await measureDecode(bench, 64)
    expect(isGood(row)).toBe(false)
  })

  it('counts a prompt by the time to its first token', async () => {
    const { bench } = benchOf(() => ({ tokens: [1], arrivals: [[16, 1]] }))
    expect(await measurePrefill(bench, 32)).toMatchObject({ tokens: 32, tokens_per_second: 2000 })
  })

  it('counts a batch while all of it is being written', async () => {
    // Both write one token each 10 ms, the second 20 ms later: between 30 and 80 ms ten tokens come.
    const { bench } = benchOf((_run, i) => ({
      tokens: counted(8),
      arrivals: counted(8).map((k) => [10 + 20 * i + 10 * k, k + 1] as [number, number]),
    }))
    const row = await measureBatch(bench, 2, await answersAlone(bench, 2))
    expect(row).toMatchObject({ sequences: 2, tokens_per_second: 200, same: 2, ties: 0 })
    expect(isGood(row)).toBe(true)
  })

  for (const { gap, ties } of [
    { gap: 0.01, ties: 1 },
    { gap: 0.2, ties: 0 },
  ]) {
    it(`tells a sequence that parts from itself at a tie from one that is wrong: ${gap} nats`, async () => {
      const logprobs = [{ 5: { logprob: -2, rank: 1, decoded_token: '' }, 77: { logprob: -2 - gap, rank: 2, decoded_token: '' } }]
      const { bench, asked } = benchOf((run, i) => {
        if (run.logprobs !== undefined) return { tokens: [5], arrivals: [[1, 1]], logprobs }
        const tokens = run.prompts.length === 2 && i === 1 ? [0, 1, 2, 3, 4, 77, 9, 9] : counted(8)
        return {
          tokens,
          arrivals: [
            [1, 1],
            [2, 8],
          ],
        }
      })
      const row = await measureBatch(bench, 2, await answersAlone(bench, 2))
      expect(row).toMatchObject({ same: 1, ties })
      expect(isGood(row)).toBe(ties === 1)
      // The place is looked at again after the tokens that both agree on.
      const [last] = asked.at(-1)?.prompts ?? []
      expect(last && 'ids' in last && last.ids.slice(-5)).toEqual([0, 1, 2, 3, 4])
    })
  }

  for (const { what, logprob, finite } of [
    { what: 'finite', logprob: -1, finite: true },
    { what: 'infinite', logprob: Number.NEGATIVE_INFINITY, finite: false },
    { what: 'no', logprob: Number.NaN, finite: false },
  ]) {
    it(`looks for log-probabilities that are ${what} numbers`, async () => {
      const at = Object.fromEntries(counted(5).map((id) => [id, { logprob: id === 3 ? logprob : -1, rank: id + 1, decoded_token: '' }]))
      const { bench } = benchOf(() => ({ tokens: Array(8).fill(0), arrivals: [[1, 8]], logprobs: Array(8).fill(at) }))
      expect(await checkFinite(bench)).toEqual({ row: 'finite', positions: 8, finite })
    })
  }
})
