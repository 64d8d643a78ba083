import * as v from 'valibot'
import { showValue } from '../util/show-value.ts'
import { refusal, wrongField } from './errors.ts'

// The message of a schema is what it allows, to complete 'stream must be …'.

/** A string. */
export const text = v.string('a string')
/** True or false. */
export const flag = v.boolean('true or false')
/** Any number. */
export const number = v.number('a number')
/** A whole number. */
export const integer = v.pipe(v.number('a whole number'), v.integer('a whole number'))
/** A token's id. */
export const tokenId = v.pipe(integer, v.minValue(0, 'a token id, 0 or more'))
/** Any object. */
export const fields = v.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'an object',
)
/** A list of token ids. */
export const tokenIds = v.array(tokenId, 'a list of token ids')

/** What both kinds of generation requests may have beside their input and their sampling. */
export const commonEntries = {
  model: v.nullish(text),
  stream: v.nullish(flag),
  stream_options: v.nullish(
    v.looseObject({ include_usage: v.nullish(flag), continuous_usage_stats: v.nullish(flag) }, 'an object such as {"include_usage": true}'),
  ),
  mm_processor_kwargs: v.nullish(fields),
  media_io_kwargs: v.nullish(v.pipe(fields, v.record(v.picklist(['image', 'video', 'audio'], 'keyed by image, video or audio'), fields))),
  cache_salt: v.nullish(v.pipe(text, v.nonEmpty('a string that is not empty'))),
  request_id: v.nullish(text),
  priority: v.nullish(number),
  add_special_tokens: v.nullish(flag),
  return_token_ids: v.nullish(flag),
  return_tokens_as_token_ids: v.nullish(flag),
  echo: v.nullish(flag),
}

/** Fields of vLLM and OpenAI that would change the answer and that there is no way to obey. */
const unsupported = [
  'use_beam_search',
  'truncate_prompt_tokens',
  'allowed_token_ids',
  'bad_words',
  'logprob_token_ids',
  'prompt_embeds',
  'functions',
  'function_call',
  'audio',
  'suffix',
  'guided_grammar',
] as const

/** Reads a body by its schema. Errors: InvalidRequestError with the path of the field, what it is and what it may be. */
export function parseBody<S extends v.GenericSchema>(schema: S, body: Readonly<Record<string, unknown>>): v.InferOutput<S> {
  const result = v.safeParse(schema, body, { abortEarly: true })
  if (!result.success) throw issueError(result.issues[0])
  for (const name of unsupported) {
    const value = body[name]
    const empty = !value || (Array.isArray(value) && value.length === 0)
    if (!empty && name in body) throw wrongField(name, `${name} is ${showValue(value)}, but is not supported; leave it out.`)
  }
  return result.output
}

/** Errors: InvalidRequestError for stream_options of an answer that is not streamed, as in OpenAI's API and vLLM. */
export function checkStreaming(body: { stream?: unknown; stream_options?: unknown; prompt_logprobs?: unknown }): void {
  if (body.stream_options && !body.stream)
    throw wrongField('stream_options', 'stream_options can only be given with stream: true; set that or leave them out.')
  if (body.stream && body.prompt_logprobs != null)
    throw wrongField('prompt_logprobs', 'prompt_logprobs cannot be had in a stream; set stream: false or leave them out.')
}

function issueError({ path, message, input, kind }: v.BaseIssue<unknown>): Error {
  // A key that may not be there is its object's fault.
  const keys = (path ?? []).filter(({ origin }) => origin !== 'key' || input === undefined).map(({ key }) => key as string | number)
  const where = pathText(keys)
  if (where === '') return refusal(`The body must be ${message}, got ${showValue(input)}.`)
  const missing = kind === 'schema' && input === undefined
  return wrongField(
    where,
    missing ? `${where} is missing; the request must have it.` : `${where} must be ${message}, got ${showValue(input)}.`,
  )
}

const pathText = (keys: readonly (string | number)[]): string =>
  keys.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('')
