import type { EmbeddingRules } from '../models/family.ts'
import type { WireMessage, WirePart } from '../protocol/chat.ts'
import type { EngineRequest } from '../protocol/engine-api.ts'
import type { WireImage } from '../protocol/media.ts'
import type { PoolingParams } from '../protocol/pooling.ts'
import { invalidLogitsError, invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'

/** What decides how a family's prompts are read, as the engine holds it. */
export type PromptRules = Pick<EmbeddingRules<never, never>, 'cuts' | 'template' | 'ending' | 'turnMark' | 'blankPicture'>

/** The smallest length a vector is divided by, as in PyTorch. */
const LEAST_LENGTH = 1e-12

/** The first `dimensions` values of a hidden state, brought to length 1. Errors: InvalidLogitsError if some are not finite. */
export function toEmbedding(hidden: Float32Array, dimensions = hidden.length): Float32Array {
  const kept = hidden.subarray(0, dimensions)
  const length = Math.sqrt(kept.reduce((sum, value) => sum + value * value, 0))
  if (!Number.isFinite(length))
    throw invalidLogitsError('The model gave a hidden state that is not finite; its weights or inputs hold NaN or infinite values.')
  return kept.map((value) => value / Math.max(length, LEAST_LENGTH))
}

/** Errors: InvalidRequestError for a size that the model's vectors cannot have. */
export function checkPooling(pooling: unknown, { cuts }: PromptRules, hidden: number): PoolingParams {
  if (typeof pooling !== 'object' || pooling === null || Array.isArray(pooling))
    throw invalidRequestError(`pooling must be an object such as { dimensions: 512 }, got ${showValue(pooling)}.`)
  const { dimensions } = pooling as { dimensions?: unknown }
  if (dimensions == null) return {}
  if (!Number.isInteger(dimensions) || Number(dimensions) < 1 || Number(dimensions) > hidden)
    throw invalidRequestError(`dimensions must be an integer from 1 to ${hidden}, got ${showValue(dimensions)}.`)
  if (!cuts && dimensions !== hidden)
    throw invalidRequestError(
      `dimensions is ${dimensions}, but this model's vectors cannot be cut; leave it out, they have ${hidden} values.`,
    )
  return { dimensions: Number(dimensions) }
}

/** A request as it is rendered: bare text made a conversation, and text that has no media given its picture, as the family wants it. */
export function withConventions(request: EngineRequest, rules: PromptRules): EngineRequest {
  const conversation = asConversation(request, rules)
  const { input, media } = conversation
  const { blankPicture } = rules
  const count = Object.values(media).reduce((sum, list) => sum + (list?.length ?? 0), 0)
  if (blankPicture === undefined || count > 0 || !('messages' in input) || !Array.isArray(input.messages)) return conversation
  const at = input.messages.findLastIndex(({ role }) => role === 'user')
  if (at < 0) return conversation
  const messages = input.messages.map((message, i) => (i === at ? withPicture(message) : message))
  return { ...conversation, input: { ...input, messages }, media: { image: [blank(blankPicture)] } }
}

function asConversation(request: EngineRequest, { turnMark }: PromptRules): EngineRequest {
  const { input, media } = request
  if (turnMark === undefined || !('prompt' in input) || typeof input.prompt !== 'string' || input.prompt.includes(turnMark)) return request
  const parts = (['image', 'video', 'audio'] as const).flatMap((type) => (media[type] ?? []).map((): WirePart => ({ type })))
  const content: WirePart[] = [...parts, { type: 'text', text: input.prompt }]
  return { ...request, input: { messages: [{ role: 'user', content }], chat: {} } }
}

function withPicture(message: WireMessage): WireMessage {
  const { content } = message
  const parts: WirePart[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content
  return { ...message, content: [{ type: 'image' }, ...parts] }
}

function blank(side: number): WireImage {
  const data = new Uint8ClampedArray(4 * side * side)
  for (let i = 3; i < data.length; i += 4) data[i] = 255
  return { kind: 'rgba', data, width: side, height: side }
}
