import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const readme = readFileSync(join(resolve(import.meta.dirname, '../..'), 'README.md'), 'utf8')

/** The README's blocks of code in a language, as they stand. */
export const readmeBlocks = (language: string): string[] =>
  [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, kind, code = '']) => (kind === language ? [code] : []))

/** Its lines that call `npx ocellus` with this command. */
export const readmeCommands = (command: string): string[] =>
  readmeBlocks('sh')
    .flatMap((block) => block.trim().split('\n'))
    .filter((line) => line.includes(`npx ocellus ${command}`))

/** The model that the README's examples name; tests put one of their own in its place. */
export const README_MODEL = 'Qwen/Qwen2-VL-2B-Instruct'

/** The one that its example of embeddings names. */
export const README_EMBEDDING_MODEL = 'MrLight/dse-qwen2-2b-mrl-v1'

/** The cells of the table of models, a list for each row. */
export function readmeModels(): string[][] {
  const [, table = ''] = /### Models\n\n[^\n]*\n[^\n]*\n((?:\|.*\n)+)/.exec(readme) ?? []
  return table
    .trimEnd()
    .split('\n')
    .map((row) =>
      row
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )
}
