import * as v from 'valibot'
import type { EngineRequest } from '../protocol/engine-api.ts'
import type { SamplingParams } from '../protocol/sampling.ts'
import type { ServedEngine } from '../protocol/served-engine.ts'
import { showValue } from '../util/show-value.ts'
import type { CompletionForm, EchoedPrompt } from './completion-answer.ts'
import { sharedFields } from './engine-request.ts'
import { wrongField } from './errors.ts'
import { checkStreaming, commonEntries, parseBody, text, tokenIds } from './request-schema.ts'
import { logprobCount, samplingEntries, samplingOf } from './sampling-fields.ts'
import { structuredEntries, structuredOf } from './structured-fields.ts'

/** New tokens of a text completion that gives no limit, as with OpenAI and vLLM. */
const DEFAULT_MAX_TOKENS = 16
/** Prompts of one request, at most. */
const MAX_PROMPTS = 256

const completionSchema = v.looseObject({
  ...commonEntries,
  ...samplingEntries,
  ...structuredEntries,
  prompt: v.union([text, v.array(text), tokenIds, v.array(tokenIds)], 'a string, token ids, or a list of either'),
  logprobs: v.nullish(logprobCount),
})

/** A request of a text completion, checked. */
export type CompletionBody = v.InferOutput<typeof completionSchema>

type Prompt = string | number[]

/** Checks the body of a text completion as far as that can be done without a model. Errors: InvalidRequestError. */
export function parseCompletionBody(given: Readonly<Record<string, unknown>>): CompletionBody {
  const body = parseBody(completionSchema, given)
  checkStreaming(body)
  const { best_of } = given
  if (best_of != null && best_of !== (body.n ?? 1))
    throw wrongField('best_of', `best_of is ${showValue(best_of)}, but is not supported; leave it out, and use n for several answers.`)
  const prompts = promptsOf(body)
  if (prompts.length === 0 || prompts.length > MAX_PROMPTS)
    throw wrongField('prompt', `prompt must hold from 1 to ${MAX_PROMPTS} prompts, got ${prompts.length}.`)
  return body
}

function promptsOf({ prompt }: CompletionBody): Prompt[] {
  if (typeof prompt === 'string') return [prompt]
  return typeof prompt[0] === 'number' ? [prompt as number[]] : (prompt as Prompt[])
}

/** What a text completion comes to: a request to the engine for each prompt, and how its answer is written. */
export interface CompletionPlan {
  requests: EngineRequest[]
  /** Of each prompt, with `echo`. */
  echoed: (EchoedPrompt | undefined)[]
  form: CompletionForm
}

/** Errors: InvalidRequestError, and those of the tokenizer. */
export async function planCompletion(id: string, body: CompletionBody, engine: ServedEngine): Promise<CompletionPlan> {
  const sampling = samplingOfCompletion(body)
  const prompts = promptsOf(body)
  const inputs = await Promise.all(prompts.map((prompt) => inputOf(prompt, body, engine)))
  const requests = inputs.map(
    (input, i): EngineRequest => ({
      request_id: prompts.length === 1 ? id : `${id}-${i}`,
      input,
      media: {},
      sampling,
      ...sharedFields(body),
    }),
  )
  const echoed = await Promise.all(prompts.map((prompt) => (body.echo ? echoedPrompt(prompt, body, engine) : undefined)))
  return { requests, echoed, form: formOf(body) }
}

const formOf = (body: CompletionBody): CompletionForm => ({
  echo: body.echo ?? false,
  promptOnly: isPromptOnly(body),
  logprobs: body.logprobs != null,
  tokensAsIds: body.return_tokens_as_token_ids ?? false,
  returnTokenIds: body.return_token_ids ?? false,
})

const isPromptOnly = (body: CompletionBody): boolean => Boolean(body.echo) && body.max_tokens === 0

function samplingOfCompletion(body: CompletionBody): SamplingParams {
  const structured = structuredOf(body)
  const { logprobs } = body
  return {
    max_tokens: DEFAULT_MAX_TOKENS,
    ...(logprobs != null && { logprobs, ...(body.echo && { prompt_logprobs: logprobs }) }),
    ...samplingOf(body),
    // The engine makes one token at least; it is left out of the answer.
    ...(isPromptOnly(body) && { max_tokens: 1 }),
    ...(structured && { structured_outputs: structured }),
  }
}

async function inputOf(prompt: Prompt, body: CompletionBody, engine: ServedEngine): Promise<EngineRequest['input']> {
  if (typeof prompt !== 'string') return { prompt_token_ids: prompt }
  if (body.add_special_tokens !== false) return { prompt }
  return { prompt_token_ids: (await engine.tokenize({ prompt, add_special_tokens: false })).tokens }
}

async function echoedPrompt(prompt: Prompt, body: CompletionBody, engine: ServedEngine): Promise<EchoedPrompt> {
  const text = typeof prompt === 'string' ? prompt : await engine.detokenize(prompt)
  if (body.logprobs == null) return { text, firstToken: '' }
  if (typeof prompt !== 'string') return { text, firstToken: await engine.detokenize(prompt.slice(0, 1)) }
  const { token_strs } = await engine.tokenize({ prompt, add_special_tokens: body.add_special_tokens ?? true })
  return { text, firstToken: token_strs[0] ?? '' }
}
