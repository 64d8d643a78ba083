// These functions run in the page: each is sent there as text, so it may use nothing from outside its own braces but types.
// A cache_salt of its own keeps every run from finding the last one's prefix in the cache.
import type { ChatPart, EngineStats, LLM } from '../../src/index.ts'
import type { Outcome, PageGlobals } from './page-engine.ts'

/** One answer. Times in milliseconds. */
export interface AnswerRun {
  first: number
  decodePerSecond: number
  tokens: number[]
}

/** Answers one chat turn `runs` times, with a picture of 224×224 if asked for; undefined for a model that takes no pictures. */
export async function benchAnswers(plan: {
  runs: number
  outputTokens: number
  picture: boolean
}): Promise<Outcome<AnswerRun[] | undefined>> {
  const llm = (globalThis as unknown as PageGlobals).ocellus as LLM
  const content: ChatPart[] = [{ type: 'text', text: plan.picture ? 'Describe the picture.' : 'Hello! What can you do?' }]
  if (plan.picture) {
    if (!llm.info.modalities.includes('image')) return { value: undefined }
    const canvas = new OffscreenCanvas(224, 224)
    const draw = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D
    draw.fillStyle = '#f4efe6'
    draw.fillRect(0, 0, 224, 224)
    draw.fillStyle = '#d22'
    draw.fillRect(24, 30, 70, 70)
    content.unshift({ type: 'image', image: canvas })
  }
  const runs: AnswerRun[] = []
  try {
    for (let run = 0; run < plan.runs; run++) {
      const tokens: number[] = []
      const start = performance.now()
      let [first, firstTokens, last] = [0, 0, start]
      const sampling = { temperature: 0, max_tokens: plan.outputTokens, ignore_eos: true }
      for await (const chunk of llm.stream([{ role: 'user', content }], sampling, { cache_salt: `${plan.picture} ${run}` })) {
        if (chunk.token_ids.length === 0) continue
        last = performance.now()
        tokens.push(...chunk.token_ids)
        if (first === 0) [first, firstTokens] = [last - start, tokens.length]
      }
      runs.push({ first, decodePerSecond: ((tokens.length - firstTokens) * 1000) / (last - start - first), tokens })
    }
    return { value: runs }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}

/** Reads a prompt of `promptTokens` tokens `runs` times and gives tokens a second. */
export async function benchPrefill({ runs, promptTokens }: { runs: number; promptTokens: number }): Promise<Outcome<number[]>> {
  const llm = (globalThis as unknown as PageGlobals).ocellus as LLM
  const speeds: number[] = []
  try {
    const filler = await llm.tokenize('The quick brown fox jumps over the lazy dog and runs. ', { add_special_tokens: false })
    const prompt_token_ids = Array.from({ length: promptTokens }, (_, i) => filler[i % filler.length] as number)
    for (let run = 0; run < runs; run++) {
      const start = performance.now()
      await llm.generate({ prompt_token_ids, cache_salt: `prefill ${run}` }, { temperature: 0, max_tokens: 1 })
      speeds.push((promptTokens * 1000) / (performance.now() - start))
    }
    return { value: speeds }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}

/** Counters a quarter and three quarters into one answer, and at its end. */
export async function benchSteady({
  outputTokens,
}: {
  outputTokens: number
}): Promise<Outcome<[from: EngineStats, to: EngineStats, end: EngineStats]>> {
  const llm = (globalThis as unknown as PageGlobals).ocellus as LLM
  const places = [Math.floor(outputTokens / 4), Math.floor((outputTokens * 3) / 4)]
  const marks: Promise<EngineStats>[] = []
  let count = 0
  try {
    for await (const { token_ids } of llm.stream('Once upon a time', { temperature: 0, max_tokens: outputTokens, ignore_eos: true })) {
      count += token_ids.length
      if (count >= (places[marks.length] ?? Number.POSITIVE_INFINITY)) marks.push(llm.stats())
    }
    const end = await llm.stats()
    const [from = end, to = end] = await Promise.all(marks)
    return { value: [from, to, end] }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}
