import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright'
import { createServer, type ViteDevServer } from 'vite'
import type { RequestOutput } from '../../src/index.ts'

export const root = resolve(import.meta.dirname, '../..')

export type Family = 'llava' | 'phi3_v' | 'qwen2_vl' | 'minicpmv' | 'ultravox' | 'vlm2vec' | 'dse_qwen2'

/** What an example printed, and what it returned. */
export interface WhatCame {
  printed: string[]
  returned: unknown
}

/** The part of a golden case that examples are held against. */
export interface GoldenAnswer {
  name: string
  prompt_token_ids: number[]
  generated?: { token_ids: number[]; text: string }
  embedding?: Record<string, number[]>
}

interface Expected {
  cases: GoldenAnswer[]
  suggested_tolerance: { embedding_value_absolute?: { computed_in_float32: number } }
}

const expected = (family: Family): Expected => JSON.parse(readFileSync(join(root, `test/goldens/${family}/expected.json`), 'utf8'))

/** A case of a family's expected.json. */
export function golden(family: Family, name: string): GoldenAnswer {
  const found = expected(family).cases.find((each) => each.name === name)
  if (!found) throw new Error(`${family} has no golden case ${name}`)
  return found
}

/** How far a vector's values may be off in float32. */
export const tolerance = (family: Family): number => expected(family).suggested_tolerance.embedding_value_absolute?.computed_in_float32 ?? 0

/** Where the demo's server has a family's goldens. */
export const folder = (family: Family): string => `/@fs${root}/test/goldens/${family}`

/** The demo from source, as `npm run dev` serves it. */
export async function startDemo(): Promise<ViteDevServer> {
  const server = await createServer({
    configFile: join(root, 'vite.config.ts'),
    root: join(root, 'demo'),
    server: { port: 0, host: '127.0.0.1', hmr: false, watch: null },
    logLevel: 'error',
  })
  return server.listen()
}

/** A prompt with media by their addresses. */
export interface PlainPrompt {
  prompt: string
  multi_modal_data: { image?: string[]; video?: string }
  media_io_kwargs?: { video: { num_frames: number } }
}

/** Asks the library itself in the page that has run an example, and gives the output. */
export async function ask(page: Page, family: Family, prompt: PlainPrompt, limit: Record<string, number> = {}): Promise<RequestOutput> {
  await page.addScriptTag({ type: 'module', content: `import { LLM } from '/@fs${root}/src/index.ts'; globalThis.LLM = LLM` })
  await page.waitForFunction(() => globalThis.LLM !== undefined)
  return page.evaluate(
    async ([model, prompt, limit_mm_per_prompt]) => {
      const llm = await LLM.create({ model, max_model_len: 512, dtype: 'float32', limit_mm_per_prompt })
      const [output] = await llm.generate(prompt, { temperature: 0, max_tokens: 24 })
      await llm.dispose()
      return output as RequestOutput
    },
    [`${folder(family)}/checkpoint/`, prompt, limit] as const,
  )
}
