import type { ChatCallOptions, ChatMessage, SamplingParams } from '../src/index.ts'
import { invalidRequest } from './local-path.ts'

/** A line of a batch file, as far as it could be read. */
export interface BatchLine {
  custom_id: string | null
  body: Readonly<Record<string, unknown>>
}

/** A chat request as the library takes it. */
export interface ChatRequest {
  messages: ChatMessage[]
  sampling: SamplingParams
  options: Omit<ChatCallOptions, 'signal'>
  /** Alternatives to report per token; undefined is no log-probabilities. */
  topLogprobs: number | undefined
}

const URL_PATH = '/v1/chat/completions'

/** Reads a line: JSON with custom_id, method POST, url and body. Errors: InvalidRequestError. */
export function readBatchLine(text: string): BatchLine {
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch (error) {
    throw invalidRequest(`The line is not JSON: ${(error as Error).message}.`)
  }
  if (!isObject(line)) throw invalidRequest('The line is not a JSON object.')
  const { method = 'POST', url, body } = line
  if (typeof line['custom_id'] !== 'string') throw invalidRequest(`custom_id is ${show(line['custom_id'])}; it must be a string.`)
  if (method !== 'POST') throw invalidRequest(`method is ${show(method)}; it must be POST.`)
  if (url !== URL_PATH) throw invalidRequest(`url is ${show(url)}; only ${URL_PATH} can be batched.`)
  if (!isObject(body)) throw invalidRequest(`body is ${show(body)}; it must be the object of a chat request.`)
  return { custom_id: line['custom_id'], body }
}

/** custom_id of a line that may be wrong in every other way. */
export function customIdOf(text: string): string | null {
  try {
    const line: unknown = JSON.parse(text)
    return isObject(line) && typeof line['custom_id'] === 'string' ? line['custom_id'] : null
  } catch {
    return null
  }
}

/** Fields handed to the engine as they are, which checks them. */
const sameName = [
  'n',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'seed',
  'stop',
  'stop_token_ids',
  'ignore_eos',
  'min_tokens',
  'prompt_logprobs',
  'presence_penalty',
  'frequency_penalty',
  'repetition_penalty',
  'logit_bias',
  'skip_special_tokens',
  'include_stop_str_in_output',
] as const // prettier-ignore

const optionNames = [
  'chat_template',
  'chat_template_kwargs',
  'add_generation_prompt',
  'continue_final_message',
  'tools',
  'mm_processor_kwargs',
  'cache_salt',
  'priority',
] as const

/** Reads the body of a chat request. Fields that would change the answer and are not supported are errors; others are passed over. */
export function readChatBody(body: Readonly<Record<string, unknown>>): ChatRequest {
  if (!Array.isArray(body['messages'])) throw invalidRequest(`messages is ${show(body['messages'])}; it must be a list of messages.`)
  if (body['stream']) throw invalidRequest('stream is true; a batch has nobody to stream to. Leave it out.')
  const format = isObject(body['response_format']) ? body['response_format']['type'] : undefined
  if (format !== undefined && format !== 'text') throw invalidRequest(`response_format.type is ${show(format)}; only text is supported.`)
  const choice = body['tool_choice']
  if (choice != null && choice !== 'none' && choice !== 'auto')
    throw invalidRequest(`tool_choice is ${show(choice)}; only none and auto are supported.`)
  const wanted = body['logprobs'] === true
  const top = body['top_logprobs']
  if (top != null && !wanted) throw invalidRequest('top_logprobs is given, but logprobs is not true.')
  if (top != null && !Number.isInteger(top)) throw invalidRequest(`top_logprobs is ${show(top)}; it must be a whole number.`)
  const topLogprobs = wanted ? Number(top ?? 0) : undefined
  const sampling = { ...pick(body, sameName), max_tokens: body['max_completion_tokens'] ?? body['max_tokens'], logprobs: topLogprobs }
  return {
    messages: body['messages'] as ChatMessage[],
    sampling: withoutNulls(sampling) as SamplingParams,
    options: withoutNulls(pick(body, optionNames)),
    topLogprobs,
  }
}

const pick = (from: Readonly<Record<string, unknown>>, names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(names.map((name) => [name, from[name]]))

const withoutNulls = (from: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(from).filter(([, value]) => value != null))

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const show = (value: unknown): string => (JSON.stringify(value) ?? 'missing').slice(0, 80)
