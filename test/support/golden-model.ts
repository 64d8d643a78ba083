import { expect } from 'vitest'
import { LLM, type LLMOptions, type RequestOutput } from '../../src/index.ts'
import { type GoldenCase, readGolden, runCase } from './goldens.ts'

/** The golden checkpoint's address. */
export const MODEL = '/test/goldens/qwen2_vl/checkpoint'

/** One placeholder for a picture, as the golden checkpoint's template writes it. */
export const PICTURE = '<|vision_start|><|image_pad|><|vision_end|>'

const golden = await readGolden('qwen2_vl')

/** The golden case of this name. Errors: there is none. */
export function goldenCase(name: string): GoldenCase {
  const found = golden.cases.find((candidate) => candidate.name === name)
  if (!found) throw new Error(`no golden case ${name}`)
  return found
}

/** The golden checkpoint in float32, where answers are exact. */
export const openGolden = (options: Partial<LLMOptions> = {}): Promise<LLM> =>
  LLM.create({ model: MODEL, dtype: 'float32', max_model_len: 256, max_num_seqs: 8, ...options })

/** A golden case's answer, without log-probabilities. */
export async function answer(llm: LLM, name: string): Promise<RequestOutput> {
  const { logprobs: _, prompt_logprobs: __, ...sampling } = golden.sampling_params
  return runCase(llm, 'qwen2_vl', goldenCase(name), sampling)
}

/** What a promise rejects with, as 'Name: message'. */
export const rejection = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing: it succeeded',
    (error: Error) => `${error?.name}: ${error?.message}`,
  )

/** Waits until the engine holds no request. The test's own time limit ends it if that never comes. */
export async function idle(llm: LLM): Promise<void> {
  for (;;) {
    const { running, waiting } = await llm.stats()
    if (running + waiting === 0) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The engine gives PyTorch's answer, and when it is done it holds nothing. */
export async function expectHealthy(llm: LLM, name = 'batch_1'): Promise<void> {
  const output = await answer(llm, name)
  expect(output.outputs[0]?.token_ids).toEqual(goldenCase(name).generated.token_ids)
  await idle(llm)
  expect(await llm.stats()).toMatchObject({ running: 0, waiting: 0, kv_blocks_used: 0 })
}

/** Collects the promises of this page that nobody handles, from now on. */
export function unhandledRejections(): string[] {
  const found: string[] = []
  globalThis.addEventListener('unhandledrejection', ({ reason }) => found.push(String(reason)))
  return found
}
