import * as v from 'valibot'
import type { Call } from './call.ts'
import { readMessages } from './chat-messages.ts'
import { conversationEntries } from './chat-request.ts'
import { refusal, wrongField } from './errors.ts'
import { nameOf } from './models.ts'
import { integer, parseBody, text, tokenIds } from './request-schema.ts'

const filled = v.pipe(text, v.nonEmpty('a string that is not empty'))
const filledIds = v.pipe(tokenIds, v.nonEmpty('a list of at least one token id'))
const message = 'a string, token ids, or a list of at least one of either, none of them empty'

const embeddingSchema = v.looseObject({
  ...conversationEntries,
  model: v.nullish(text),
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
  return body
}

/** POST /v1/embeddings. No model that can be loaded makes embeddings, so a request that is right in itself is refused as well. */
export function embeddings(call: Call, body: EmbeddingBody): never {
  const model = nameOf(call, body.model)
  if (body.messages != null) readMessages(body.messages, call.engine.info)
  throw refusal(
    `${model} generates text and makes no embeddings; load an embedding model with task: 'embed' (ocellus serve --task embed) and ask that.`,
    { param: 'model' },
  )
}
