import type { LLMOptions } from '../../../src/index.ts'

/** What every example exports. */
interface Example {
  run(options: Partial<LLMOptions>, print: (...values: unknown[]) => void, file?: Blob): Promise<unknown>
}

declare global {
  /** Runs an example in this frame. Taking the frame away ends all that it has begun, its worker and the GPU's memory included. */
  var runExample: (name: string, ...given: Parameters<Example['run']>) => Promise<unknown>
}

const modules = import.meta.glob<Example>('../*.ts')

globalThis.runExample = async (name, ...given) => {
  const load = modules[`../${name}.ts`]
  if (!load) throw new Error(`There is no example ${name}.`)
  return (await load()).run(...given)
}
