import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const readme = readFileSync(join(resolve(import.meta.dirname, '../..'), 'README.md'), 'utf8')

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
