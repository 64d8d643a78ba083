import type { GrammarSpec } from '../grammar/index.ts'
import { invalidRequestError, messageOf } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'

const FORMS = ['json', 'regex', 'choice', 'json_object'] as const
const FIELDS: readonly string[] = [...FORMS, 'disable_any_whitespace']

function fail(name: string, allowed: string, given: unknown): never {
  throw invalidRequestError(`structured_outputs${name} must be ${allowed}, got ${showValue(given)}.`)
}

/**
 * What a request's structured_outputs asks for; undefined: nothing. Whether a schema or a regular expression can be had is found out when
 * it is compiled.
 * Errors: InvalidRequestError naming the field, its value and what is allowed.
 */
export function resolveStructuredOutputs(value: unknown): GrammarSpec | undefined {
  if (value == null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) fail('', `an object with one of ${FORMS.join(', ')}`, value)
  const given = value as Readonly<Record<string, unknown>>
  for (const name of Object.keys(given))
    if (!FIELDS.includes(name)) throw invalidRequestError(`structured_outputs may have ${FIELDS.join(', ')}, got ${showValue(name)}.`)
  for (const name of ['json_object', 'disable_any_whitespace'])
    if (given[name] != null && typeof given[name] !== 'boolean') fail(`.${name}`, 'true or false', given[name])
  const forms = FORMS.filter((name) => given[name] != null && !(name === 'json_object' && given[name] === false))
  const [form] = forms
  if (!form || forms.length > 1)
    throw invalidRequestError(`structured_outputs must have exactly one of ${FORMS.join(', ')}, got ${forms.join(' and ') || 'none'}.`)
  const whitespace = given['disable_any_whitespace'] === true ? 'none' : 'some'
  switch (form) {
    case 'json':
      return { kind: 'json', schema: schemaOf(given['json']), whitespace }
    case 'json_object':
      return { kind: 'json_object', whitespace }
    case 'regex':
      return { kind: 'regex', pattern: patternOf(given['regex']) }
    case 'choice':
      return { kind: 'choice', texts: textsOf(given['choice']) }
  }
}

/** A JSON Schema: an object or a boolean, or such a one as JSON text. */
function schemaOf(given: unknown): unknown {
  let schema = given
  if (typeof given === 'string') {
    try {
      schema = JSON.parse(given)
    } catch (error) {
      throw invalidRequestError(`structured_outputs.json is a text that is no JSON (${messageOf(error)}): ${showValue(given)}`)
    }
  }
  const isSchema = typeof schema === 'boolean' || (typeof schema === 'object' && schema !== null && !Array.isArray(schema))
  if (!isSchema) fail('.json', 'a JSON Schema: an object or a boolean, or its JSON text', given)
  return schema
}

function patternOf(given: unknown): string {
  if (typeof given !== 'string' || given === '') fail('.regex', 'a regular expression as a string that is not empty', given)
  return given
}

function textsOf(given: unknown): readonly string[] {
  const isList = Array.isArray(given) && given.length > 0 && given.every((text) => typeof text === 'string')
  if (!isList) fail('.choice', 'a list of at least one string', given)
  return given
}
