import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import { Automaton } from './automaton.ts'
import { Budget } from './budget.ts'
import { languageOfTexts } from './build-dfa.ts'
import { languageOfRegex } from './determinize.ts'
import type { Language } from './dfa.ts'
import { typeOfSchema } from './schema-types.ts'
import { NO_MORE_BLANKS } from './state.ts'
import { textLocal, valueLocal } from './value-locals.ts'

/**
 * What an answer must look like: one JSON value that a schema allows, any JSON object, a text that a regular expression matches as a
 * whole, or one of some texts. whitespace 'some' allows, wherever JSON does within the value, one space or one line break with up to
 * 20 spaces; nothing may stand before or after the value.
 */
export type GrammarSpec =
  | { kind: 'json'; schema: unknown; whitespace: 'none' | 'some' }
  | { kind: 'json_object'; whitespace: 'none' | 'some' }
  | { kind: 'regex'; pattern: string }
  | { kind: 'choice'; texts: readonly string[] }

/** A compiled GrammarSpec, to be followed by any number of TokenMatchers. */
export interface Grammar {
  readonly automaton: Automaton
}

/**
 * Compiles a grammar; takes about a second at most. Throws InvalidRequestError for what is ill-formed or can not be enforced, naming
 * the keyword and its JSON pointer, or the place in the pattern.
 *
 * JSON schemas mean what draft 2020-12 says, and the spellings of drafts 4 to 2019-09 are understood. Keys come in any order, each once.
 * Numbers with bounds, multipleOf or an integer type are written without exponents. Refused: uniqueItems for two items and more,
 * unevaluatedProperties and -Items, remote and dynamic references, and the opposite (not, oneOf of schemas that overlap, if) of
 * additionalProperties, patternProperties and propertyNames.
 */
export function compileGrammar(spec: GrammarSpec): Grammar {
  switch (spec.kind) {
    case 'json':
      return jsonGrammar(spec.schema, spec.whitespace)
    case 'json_object':
      return jsonGrammar({ type: 'object' }, spec.whitespace)
    case 'regex':
      return textGrammar(
        regexLanguage(spec.pattern),
        () => `the regex ${showValue(spec.pattern)} matches no text; write one that can be matched`,
      )
    case 'choice':
      return textGrammar(choiceLanguage(spec.texts), () => 'the choice has no text that can be written; give at least one')
  }
}

const jsonGrammar = (schema: unknown, whitespace: 'none' | 'some'): Grammar => ({
  automaton: new Automaton(valueLocal(typeOfSchema(schema), NO_MORE_BLANKS), whitespace === 'some'),
})

function textGrammar(language: Language, problem: () => string): Grammar {
  if (language.start === undefined) throw invalidRequestError(problem())
  return { automaton: new Automaton(textLocal(language, language.start), false) }
}

function regexLanguage(pattern: unknown): Language {
  if (typeof pattern !== 'string') throw invalidRequestError(`the regex is ${showValue(pattern)}; it must be a string`)
  return languageOfRegex(pattern, false, 'the regex', new Budget())
}

function choiceLanguage(texts: unknown): Language {
  if (!Array.isArray(texts) || texts.some((text) => typeof text !== 'string')) {
    throw invalidRequestError(`the choice is ${showValue(texts)}; it must be a list of texts`)
  }
  return languageOfTexts(texts as string[], new Budget(), () => 'the choice')
}
