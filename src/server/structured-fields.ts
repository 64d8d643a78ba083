import * as v from 'valibot'
import type { StructuredOutputs } from '../protocol/sampling.ts'
import { showValue } from '../util/show-value.ts'
import { wrongField } from './errors.ts'
import { fields, flag, text } from './request-schema.ts'

const jsonSchema = v.union([text, flag, fields], 'a JSON Schema')
const choices = v.pipe(v.array(text, 'a list of strings'), v.nonEmpty('a list of at least one string'))

/** What an answer must look like: OpenAI's response_format, vLLM's structured_outputs and the older guided_… fields. */
export const structuredEntries = {
  response_format: v.nullish(
    v.looseObject(
      {
        type: v.picklist(['text', 'json_object', 'json_schema'], '"text", "json_object" or "json_schema"'),
        json_schema: v.nullish(
          v.looseObject({ schema: v.union([flag, fields], 'a JSON Schema') }, 'an object such as {"name": …, "schema": …}'),
        ),
      },
      'an object such as {"type": "json_object"}',
    ),
  ),
  structured_outputs: v.nullish(
    v.looseObject(
      {
        json: v.nullish(jsonSchema),
        regex: v.nullish(text),
        choice: v.nullish(choices),
        json_object: v.nullish(flag),
        disable_any_whitespace: v.nullish(flag),
      },
      'an object such as {"choice": ["yes", "no"]}',
    ),
  ),
  guided_json: v.nullish(jsonSchema),
  guided_regex: v.nullish(text),
  guided_choice: v.nullish(choices),
}

const structuredSchema = v.object(structuredEntries)
type StructuredFields = v.InferOutput<typeof structuredSchema>

/**
 * What the answer must look like, by whichever field says so; undefined: anything. A JSON Schema always binds: `strict` makes no difference.
 * Errors: InvalidRequestError when several fields say so, or one says nothing.
 */
export function structuredOf(body: StructuredFields): StructuredOutputs | undefined {
  const found = Object.entries({
    response_format: responseFormat(body.response_format),
    structured_outputs: structuredOutputs(body.structured_outputs),
    guided_json: body.guided_json != null ? { json: body.guided_json } : undefined,
    guided_regex: body.guided_regex != null ? { regex: body.guided_regex } : undefined,
    guided_choice: body.guided_choice != null ? { choice: body.guided_choice } : undefined,
  }).filter((entry): entry is [string, StructuredOutputs] => entry[1] !== undefined)
  const [first, second] = found
  if (first && second) throw wrongField(second[0], `${second[0]} is given beside ${first[0]}; an answer has one form, so give one of them.`)
  return first?.[1]
}

function responseFormat(format: StructuredFields['response_format']): StructuredOutputs | undefined {
  if (format?.type === 'json_object') return { json_object: true }
  if (format?.type !== 'json_schema') return undefined
  if (format.json_schema) return { json: format.json_schema.schema }
  throw wrongField(
    'response_format.json_schema',
    'response_format.json_schema is missing; type "json_schema" needs {"name": …, "schema": …}.',
  )
}

const forms = ['json', 'regex', 'choice', 'json_object'] as const

function structuredOutputs(given: StructuredFields['structured_outputs']): StructuredOutputs | undefined {
  if (given == null) return undefined
  const said = forms.filter((form) => given[form] != null && !(form === 'json_object' && given[form] === false))
  const [form] = said
  if (form === undefined || said.length > 1)
    throw wrongField('structured_outputs', `structured_outputs must have exactly one of ${forms.join(', ')}, got ${showValue(given)}.`)
  return { [form]: given[form], ...(given.disable_any_whitespace && { disable_any_whitespace: true }) }
}
