import * as v from 'valibot'
import type { SamplingParams } from '../protocol/sampling.ts'
import { fields, flag, integer, number, text, tokenIds } from './request-schema.ts'

const entriesOf = <N extends string, S extends v.GenericSchema>(names: readonly N[], schema: S): Record<N, v.NullishSchema<S, undefined>> =>
  Object.fromEntries(names.map((name) => [name, v.nullish(schema)])) as Record<N, v.NullishSchema<S, undefined>>

const wholeNumbers = ['top_k', 'seed', 'max_tokens', 'max_completion_tokens', 'min_tokens'] as const
const numbers = ['temperature', 'top_p', 'min_p', 'presence_penalty', 'frequency_penalty', 'repetition_penalty'] as const
const flags = ['ignore_eos', 'skip_special_tokens', 'include_stop_str_in_output'] as const

/** Continuations of one prompt, at most. */
const MAX_N = 16
/** Log-probabilities per token, at most (vLLM's max_logprobs). */
const MAX_LOGPROBS = 20

/** A count of log-probabilities. */
export const logprobCount = v.pipe(
  integer,
  v.minValue(0, `from 0 to ${MAX_LOGPROBS}`),
  v.maxValue(MAX_LOGPROBS, `from 0 to ${MAX_LOGPROBS}`),
)

/** How tokens are chosen, by the names of OpenAI and vLLM. Only types are checked here: the engine knows the ranges. */
export const samplingEntries = {
  ...entriesOf(wholeNumbers, integer),
  ...entriesOf(numbers, number),
  ...entriesOf(flags, flag),
  n: v.nullish(v.pipe(integer, v.minValue(1, `from 1 to ${MAX_N}`), v.maxValue(MAX_N, `from 1 to ${MAX_N}`))),
  stop: v.nullish(v.union([text, v.array(text)], 'a string or a list of strings')),
  stop_token_ids: v.nullish(tokenIds),
  logit_bias: v.nullish(v.pipe(fields, v.record(v.pipe(text, v.digits('keyed by token ids')), number))),
  prompt_logprobs: v.nullish(logprobCount),
}

const sameName = [
  'n',
  ...numbers,
  ...flags,
  'top_k',
  'seed',
  'min_tokens',
  'stop',
  'stop_token_ids',
  'logit_bias',
  'prompt_logprobs',
] as const

/** The sampling parameters of a body that has been checked. max_completion_tokens goes before max_tokens. */
export function samplingOf(body: Readonly<Record<string, unknown>>): SamplingParams {
  const given = sameName.map((name) => [name, body[name]])
  return Object.fromEntries(
    [...given, ['max_tokens', body['max_completion_tokens'] ?? body['max_tokens']]].filter(([, value]) => value != null),
  )
}
