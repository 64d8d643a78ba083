import type { Grammar } from '../../../src/grammar/index.ts'
import { compileGrammar } from '../../../src/grammar/index.ts'
import { accepts } from './vocabulary.ts'

export const schemaGrammar = (schema: unknown, whitespace: 'none' | 'some' = 'some'): Grammar =>
  compileGrammar({ kind: 'json', schema, whitespace })

/** JSON without exponents: integers beyond 1e21 as all their digits. */
const plain = (text: string): string => text.replace(/-?\d+(\.\d+)?e\+\d+/g, (number) => BigInt(Number(number)).toString())

/** Whether a value is accepted, written compactly and with blanks. Throws if that makes a difference. */
export function acceptsValue(grammar: Grammar, value: unknown): boolean {
  const texts = [JSON.stringify(value), JSON.stringify(value, null, 2)].map(plain)
  const answers = new Set(texts.map((text) => accepts(grammar, text)))
  if (answers.size > 1) throw new Error(`blanks decide whether ${texts[0]} is accepted`)
  return answers.has(true)
}

/** The message of what compiling throws, or undefined. */
export function refusal(compile: () => unknown): { name: string; message: string } | undefined {
  try {
    compile()
  } catch (error) {
    return { name: (error as Error).name, message: (error as Error).message }
  }
  return undefined
}
