import type { LLM } from '../../../../src/index.ts'
import { type BenchWork, type Measurement, warmUp } from './measurement.ts'
import { measureHere } from './page-door.ts'

/** What the page is asked for. */
export interface OcellusWork extends BenchWork {
  /** Folder of the built library. */
  readonly library: string
  /** Folder of the model. */
  readonly model: string
  /** What LLM.create gets besides. */
  readonly options: object
  readonly promptIds: { readonly prefill: readonly number[]; readonly decode: readonly number[] }
}

measureHere(async (work: OcellusWork): Promise<Measurement> => {
  const begin = performance.now()
  const url = new URL('index.js', work.library).href
  const library = (await import(/* @vite-ignore */ url)) as typeof import('../../../../src/index.ts')
  const llm: LLM = await library.LLM.create({ ...work.options, model: work.model })
  const loadMs = performance.now() - begin
  let runs = 0
  const generate = async (prompt: readonly number[], tokens: number) => {
    const ids: number[] = []
    const arrivals: [time: number, tokens: number][] = []
    const start = performance.now()
    // Salted, so that no run finds another's prompt in the cache.
    const input = { prompt_token_ids: [...prompt], cache_salt: `run ${runs++}` }
    for await (const { token_ids } of llm.stream(input, { temperature: 0, max_tokens: tokens, ignore_eos: true })) {
      if (token_ids.length === 0) continue
      ids.push(...token_ids)
      arrivals.push([performance.now() - start, ids.length])
    }
    const [first = 0, counted = 0] = arrivals[0] ?? []
    const [last = 0] = arrivals.at(-1) ?? []
    return { ids, first, decode: ((ids.length - counted) * 1000) / (last - first) }
  }
  const { prefill, decode } = work.promptIds
  await warmUp(() => generate(prefill, 1))
  const prefills: number[] = []
  for (let run = 0; run < work.runs; run++) prefills.push((prefill.length * 1000) / (await generate(prefill, 1)).first)
  const answers: Awaited<ReturnType<typeof generate>>[] = []
  await warmUp(async () => void answers.push(await generate(decode, work.tokens)))
  const warm = answers.length
  for (let run = 0; run < work.runs; run++) answers.push(await generate(decode, work.tokens))
  const { info } = llm
  return {
    device: info.adapter.description || `${info.adapter.vendor} ${info.adapter.architecture}`,
    onCpu: false,
    weights: info.quantization === 'none' ? info.dtype : info.quantization,
    decode: answers.slice(warm).map((answer) => answer.decode),
    prefill: prefills,
    answer: answers[0]?.ids ?? [],
    sameRuns: answers.every(({ ids }) => ids.join() === answers[0]?.ids.join()),
    // The engine ends a sequence whose logits are not.
    finite: true,
    loadMs,
    notes: [],
  }
})
