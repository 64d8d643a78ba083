import * as v from 'valibot'
import type { EngineRequest } from '../protocol/engine-api.ts'
import { runWhole } from './answer.ts'
import type { Call } from './call.ts'
import { readMessages } from './chat-messages.ts'
import { conversationEntries } from './chat-request.ts'
import { chatOptions, sharedFields } from './engine-request.ts'
import { refusal, wrongField } from './errors.ts'
import { nameOf } from './models.ts'
import { commonEntries, integer, parseBody, text, tokenIds } from './request-schema.ts'
import { UsageMeter } from './usage.ts'

/** Inputs of one request, at most, as with OpenAI. */
const MAX_INPUTS = 2048
/** Inputs handed to the engine at a time: enough to keep it full, few enough for its queue. */
const AT_A_TIME = 64

const filled = v.pipe(text, v.nonEmpty('a string that is not empty'))
const filledIds = v.pipe(tokenIds, v.nonEmpty('a list of at least one token id'))
const message = 'a string, token ids, or a list of at least one of either, none of them empty'

const embeddingSchema = v.looseObject({
  ...conversationEntries,
  model: commonEntries.model,
  add_special_tokens: commonEntries.add_special_tokens,
  mm_processor_kwargs: commonEntries.mm_processor_kwargs,
  media_io_kwargs: commonEntries.media_io_kwargs,
  cache_salt: commonEntries.cache_salt,
  priority: commonEntries.priority,
  input: v.nullish(
    v.union([filled, filledIds, v.pipe(v.array(filled), v.nonEmpty(message)), v.pipe(v.array(filledIds), v.nonEmpty(message))], message),
  ),
  messages: v.nullish(conversationEntries.messages),
  encoding_format: v.nullish(v.picklist(['float', 'base64'], '"float" or "base64"')),
  dimensions: v.nullish(v.pipe(integer, v.minValue(1, '1 or more'))),
})

/** A request of embeddings, checked. */
export type EmbeddingBody = v.InferOutput<typeof embeddingSchema>

/** Checks the body of an embedding request. Errors: InvalidRequestError. */
export function parseEmbeddingBody(given: Readonly<Record<string, unknown>>): EmbeddingBody {
  const body = parseBody(embeddingSchema, given)
  if (body.input == null && body.messages == null) throw wrongField('input', 'input is missing; give it, or messages.')
  if (body.input != null && body.messages != null) throw wrongField('messages', 'messages are given beside input; give one of them.')
  if (inputsOf(body).length > MAX_INPUTS)
    throw wrongField('input', `input must hold at most ${MAX_INPUTS} inputs, got ${inputsOf(body).length}.`)
  if (body.add_special_tokens === false)
    throw wrongField(
      'add_special_tokens',
      'add_special_tokens is false, but is not supported here; send token ids from /tokenize as input.',
    )
  return body
}

/** POST /v1/embeddings. Vector i is that of input i. Errors: those of the request and of the engine. */
export async function embeddings(call: Call, body: EmbeddingBody): Promise<Response> {
  const model = nameOf(call, body.model)
  const id = `embd-${call.id}`
  const requests = requestsOf(id, call, body)
  if (call.engine.info.task !== 'embed')
    throw refusal(
      `${model} generates text and makes no embeddings; load an embedding model with task: 'embed' (ocellus serve --task embed) and ask that.`,
      { param: 'model' },
    )
  const vectors: (string | number[])[] = []
  const meter = new UsageMeter()
  for (let first = 0; first < requests.length; first += AT_A_TIME) {
    await runWhole(call, requests.slice(first, first + AT_A_TIME), (event, i) => {
      const at = first + i
      meter.take(event, at, at)
      if (event.type === 'embedding') vectors[at] = body.encoding_format === 'base64' ? base64Of(event.embedding) : [...event.embedding]
    })
  }
  const data = vectors.map((embedding, index) => ({ object: 'embedding', index, embedding }))
  return Response.json({ id, object: 'list', created: Math.floor(Date.now() / 1000), model, data, usage: meter.total() })
}

function requestsOf(id: string, { engine }: Call, body: EmbeddingBody): EngineRequest[] {
  const { dimensions } = body
  const shared = { sampling: {}, pooling: dimensions == null ? {} : { dimensions }, ...sharedFields(body) }
  if (body.messages != null) {
    const { messages, media } = readMessages(body.messages, engine.info)
    return [{ request_id: id, input: { messages, chat: chatOptions(body) }, media, ...shared }]
  }
  const inputs = inputsOf(body)
  return inputs.map((input, i) => ({
    request_id: inputs.length === 1 ? id : `${id}-${i}`,
    input: typeof input === 'string' ? { prompt: input } : { prompt_token_ids: input },
    media: {},
    ...shared,
  }))
}

function inputsOf({ input }: EmbeddingBody): (string | number[])[] {
  if (typeof input === 'string') return [input]
  return typeof input?.[0] === 'number' ? [input as number[]] : ((input ?? []) as (string | number[])[])
}

/** Little-endian float32, as OpenAI's clients read it. */
function base64Of(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(4 * vector.length))
  for (const [i, value] of vector.entries()) view.setFloat32(4 * i, value, true)
  return btoa(Array.from(new Uint8Array(view.buffer), (byte) => String.fromCharCode(byte)).join(''))
}
