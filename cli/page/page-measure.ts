// These functions run in the page: each is sent there as text, so it may use nothing from outside its own braces but types.
import type { EngineStats, LLM, LogprobsAt } from '../../src/index.ts'
import type { Outcome, PageGlobals } from './page-engine.ts'

/** A prompt of bench: token ids, or text with a picture of `side`² pixels or a sound of so many seconds, made from `seed`. */
export type BenchPrompt =
  | { ids: number[] }
  | { text: string; media: { kind: 'image'; side: number; seed: number } | { kind: 'audio'; seconds: number; seed: number } }

/** Requests that are made at the same time. */
export interface MeasuredRun {
  prompts: BenchPrompt[]
  maxTokens: number
  /** Keeps runs from finding one another's prefixes in the cache. */
  salt: string
  /** Likeliest tokens to report per position. */
  logprobs?: number
}

/** A request's tokens and when they came. */
export interface MeasuredAnswer {
  tokens: number[]
  /** Milliseconds since the run began, and how many tokens had come by then. */
  arrivals: [at: number, tokens: number][]
  promptTokens: number
  logprobs: LogprobsAt[]
}

/** Greedy answers to all prompts of a run, without regard to end tokens. */
export async function runInPage({ prompts, maxTokens, salt, logprobs }: MeasuredRun): Promise<Outcome<MeasuredAnswer[]>> {
  const llm = (globalThis as unknown as PageGlobals).ocellus as LLM
  /** Noise over a gradient: no two pictures or sounds alike, and nothing that a resampler has an easy time with. */
  const picture = (side: number, seed: number): OffscreenCanvas => {
    const canvas = new OffscreenCanvas(side, side)
    const pixels = new ImageData(side, side)
    let state = seed + 1
    for (let i = 0; i < pixels.data.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      pixels.data[i] = i % 4 === 3 ? 255 : ((i / side) & 127) + (state >>> 25)
    }
    ;(canvas.getContext('2d') as OffscreenCanvasRenderingContext2D).putImageData(pixels, 0, 0)
    return canvas
  }
  const sound = (seconds: number, seed: number): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: seconds * 16000 }, (_, i) => 0.3 * Math.sin(i * (0.05 + seed / 100)) + 0.1 * Math.sin(i * i * 1e-6))
  const promptOf = (prompt: BenchPrompt) => {
    if ('ids' in prompt) return { prompt_token_ids: prompt.ids, cache_salt: salt }
    const { text, media } = prompt
    return media.kind === 'image'
      ? { prompt: text, cache_salt: salt, multi_modal_data: { image: picture(media.side, media.seed) } }
      : { prompt: text, cache_salt: salt, multi_modal_data: { audio: [sound(media.seconds, media.seed), 16000] as [Float32Array, number] } }
  }
  try {
    const inputs = prompts.map(promptOf)
    const sampling = { temperature: 0, max_tokens: maxTokens, ignore_eos: true, ...(logprobs !== undefined && { logprobs }) }
    const start = performance.now()
    const answers = inputs.map(async (input): Promise<MeasuredAnswer> => {
      const answer: MeasuredAnswer = { tokens: [], arrivals: [], promptTokens: 0, logprobs: [] }
      for await (const chunk of llm.stream(input, sampling)) {
        answer.promptTokens = chunk.usage?.prompt_tokens ?? answer.promptTokens
        if (chunk.token_ids.length === 0) continue
        answer.tokens.push(...chunk.token_ids)
        answer.logprobs.push(...(chunk.logprobs ?? []))
        answer.arrivals.push([performance.now() - start, answer.tokens.length])
      }
      return answer
    })
    return { value: await Promise.all(answers) }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}

/** The engine's counters. */
export async function statsInPage(): Promise<Outcome<EngineStats>> {
  try {
    return { value: await ((globalThis as unknown as PageGlobals).ocellus as LLM).stats() }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}

/** The trace of a model that was loaded with `profile`, as the text of a file for chrome://tracing and Perfetto. */
export async function traceInPage(): Promise<Outcome<string>> {
  try {
    const traceEvents = await ((globalThis as unknown as PageGlobals).ocellus as LLM).trace()
    return { value: JSON.stringify({ traceEvents, displayTimeUnit: 'ns' }) }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}

/** The browser's name and full version. */
export async function browserInPage(): Promise<Outcome<string>> {
  interface Brands {
    getHighEntropyValues(hints: string[]): Promise<{ fullVersionList?: { brand: string; version: string }[] }>
  }
  try {
    const brands = (navigator as unknown as { userAgentData?: Brands }).userAgentData
    const { fullVersionList = [] } = (await brands?.getHighEntropyValues(['fullVersionList'])) ?? {}
    const named = fullVersionList.find(({ brand }) => brand === 'Chromium') ?? fullVersionList[0]
    return { value: named ? `${named.brand} ${named.version}` : navigator.userAgent }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}
