// These functions run in the page: each is sent there as text, so it may use nothing from outside its own braces but types.
import type { CachedModel } from '../../src/index.ts'
import type { Outcome } from './page-engine.ts'

/** What is kept in this profile. `library`: URL of index.js. */
export async function listInPage({ library }: { library: string }): Promise<Outcome<CachedModel[]>> {
  try {
    const { LLM } = (await import(/* @vite-ignore */ library)) as typeof import('../../src/index.ts')
    return { value: await LLM.cache.list() }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}

/** Clears these models, or all, and gives the bytes that became free. */
export async function clearInPage({ library, models }: { library: string; models: readonly string[] | null }): Promise<Outcome<number>> {
  try {
    const { LLM } = (await import(/* @vite-ignore */ library)) as typeof import('../../src/index.ts')
    if (!models) return { value: await LLM.cache.clear() }
    let freed = 0
    for (const model of models) freed += await LLM.cache.clear(model)
    return { value: freed }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}
