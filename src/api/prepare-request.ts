import type { ChatOptions } from '../protocol/chat.ts'
import type { EngineRequest, WirePrompt } from '../protocol/engine-api.ts'
import type { PoolingParams } from '../protocol/pooling.ts'
import type { SamplingParams } from '../protocol/sampling.ts'
import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import { captureMedia } from './capture.ts'
import type { MultiModalData, MultiModalUuids } from './media-types.ts'
import type { ChatCallOptions, ChatMessage, Prompt, PromptExtras } from './prompts.ts'
import type { PreparedRequest } from './request-events.ts'
import { splitMessages } from './split-messages.ts'

/** What every request has beside its input. */
export interface RequestHead {
  request_id: string
  sampling: SamplingParams
  /** Asks for an embedding in place of text. */
  pooling?: PoolingParams
  /** Ends captures that take time. */
  signal: AbortSignal
}

/** Sampling parameters as given; none are no parameters. Errors: InvalidRequestError for something else than an object. */
export function checkSampling(given: unknown): SamplingParams {
  if (given == null) return {}
  if (typeof given === 'object' && !Array.isArray(given)) return given
  throw invalidRequestError(`sampling_params must be an object such as { max_tokens: 64, temperature: 0 }, got ${showValue(given)}.`)
}

/** Reads a prompt and captures its media. Errors: InvalidRequestError, MediaError. */
export async function preparePrompt(head: RequestHead, prompt: Prompt): Promise<PreparedRequest> {
  if (typeof prompt === 'string') return prepare(head, { prompt }, {})
  return prepare(head, wirePrompt(prompt), prompt)
}

/** Reads a conversation and captures its media. Errors: InvalidRequestError, MediaError. */
export async function prepareChat(head: RequestHead, messages: readonly ChatMessage[], options: ChatCallOptions): Promise<PreparedRequest> {
  const split = splitMessages(messages)
  const multi_modal_data: MultiModalData = {}
  const multi_modal_uuids: MultiModalUuids = {}
  for (const { kind, content, uuid } of split.media) {
    multi_modal_data[kind] = [...((multi_modal_data[kind] ?? []) as never[]), content as never]
    multi_modal_uuids[kind] = [...(multi_modal_uuids[kind] ?? []), uuid]
  }
  const input: WirePrompt = { messages: split.messages, chat: chatOptions(options) }
  return prepare(head, input, { ...options, multi_modal_data, multi_modal_uuids }, true)
}

async function prepare(head: RequestHead, input: WirePrompt, extras: PromptExtras, listed = false): Promise<PreparedRequest> {
  const { request_id, sampling, pooling, signal } = head
  const { multi_modal_data, multi_modal_uuids, mm_processor_kwargs, media_io_kwargs, cache_salt, priority } = extras
  const { media, transfer } = await captureMedia(
    multi_modal_data ?? {},
    multi_modal_uuids ?? {},
    signal,
    listed,
    media_io_kwargs?.video ?? {},
  )
  const request: EngineRequest = {
    request_id,
    input,
    media,
    sampling,
    ...(pooling && { pooling }),
    ...(mm_processor_kwargs != null && { mm_processor_kwargs }),
    ...(media_io_kwargs != null && { media_io_kwargs }),
    ...(cache_salt !== undefined && { cache_salt }),
    ...(priority !== undefined && { priority }),
  }
  return { request, transfer }
}

function wirePrompt(prompt: unknown): WirePrompt {
  const { prompt: text, prompt_token_ids: ids } = (typeof prompt === 'object' && prompt ? prompt : {}) as Record<string, unknown>
  if (typeof text === 'string' && ids == null) return { prompt: text }
  if (Array.isArray(ids) && text == null && ids.every((id) => Number.isInteger(id))) return { prompt_token_ids: [...ids] }
  if (text != null && ids != null) throw invalidRequestError('A prompt has both prompt and prompt_token_ids; give one of them.')
  throw invalidRequestError(
    "A prompt must be a string, { prompt: '…' } or { prompt_token_ids: [whole numbers] }, either of them with multi_modal_data if there are media.",
  )
}

function chatOptions(options: ChatCallOptions): ChatOptions {
  const { chat_template, chat_template_kwargs, add_generation_prompt, continue_final_message, tools } = options
  return {
    ...(chat_template !== undefined && { chat_template }),
    ...(chat_template_kwargs !== undefined && { chat_template_kwargs }),
    ...(add_generation_prompt !== undefined && { add_generation_prompt }),
    ...(continue_final_message !== undefined && { continue_final_message }),
    ...(tools !== undefined && { tools }),
  }
}
