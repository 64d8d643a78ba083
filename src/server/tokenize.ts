import * as v from 'valibot'
import type { TokenizeInput } from '../protocol/engine-api.ts'
import type { Call } from './call.ts'
import { readMessages } from './chat-messages.ts'
import { conversationEntries } from './chat-request.ts'
import { chatOptions } from './engine-request.ts'
import { wrongField } from './errors.ts'
import { nameOf } from './models.ts'
import { flag, parseBody, text, tokenIds } from './request-schema.ts'
import { planTools } from './tools/plan-tools.ts'

const tokenizeSchema = v.looseObject({
  ...conversationEntries,
  model: v.nullish(text),
  prompt: v.nullish(text),
  messages: v.nullish(conversationEntries.messages),
  add_special_tokens: v.nullish(flag),
  return_token_strs: v.nullish(flag),
})

const detokenizeSchema = v.looseObject({ model: v.nullish(text), tokens: tokenIds })

/** A request to /tokenize, checked. */
export type TokenizeBody = v.InferOutput<typeof tokenizeSchema>
/** A request to /detokenize, checked. */
export type DetokenizeBody = v.InferOutput<typeof detokenizeSchema>

/** Checks the body of a request to /tokenize. Errors: InvalidRequestError. */
export function parseTokenizeBody(given: Readonly<Record<string, unknown>>): TokenizeBody {
  const body = parseBody(tokenizeSchema, given)
  if (body.prompt == null && body.messages == null) throw wrongField('prompt', 'prompt is missing; give it, or messages.')
  if (body.prompt != null && body.messages != null) throw wrongField('messages', 'messages are given beside prompt; give one of them.')
  return body
}

/** Checks the body of a request to /detokenize. Errors: InvalidRequestError. */
export const parseDetokenizeBody = (given: Readonly<Record<string, unknown>>): DetokenizeBody => parseBody(detokenizeSchema, given)

/** POST /tokenize, as in vLLM. Placeholders of media count as the template writes them, one each. */
export async function tokenize(call: Call, body: TokenizeBody): Promise<Response> {
  nameOf(call, body.model)
  const { engine } = call
  const input: TokenizeInput = {
    ...inputOf(call, body),
    ...(body.add_special_tokens != null && { add_special_tokens: body.add_special_tokens }),
  }
  const { tokens, token_strs } = await engine.tokenize(input)
  return Response.json({
    count: tokens.length,
    max_model_len: engine.info.max_model_len,
    tokens,
    token_strs: body.return_token_strs ? token_strs : null,
  })
}

function inputOf({ engine }: Call, body: TokenizeBody): TokenizeInput {
  if (body.messages == null) return { prompt: body.prompt ?? '' }
  const { templateTools: tools } = planTools({ tools: body.tools, chat_template: body.chat_template, format: engine.info.tool_format })
  return { messages: readMessages(body.messages, engine.info).messages, chat: { ...chatOptions(body), ...(tools && { tools }) } }
}

/** POST /detokenize, as in vLLM. */
export async function detokenize(call: Call, body: DetokenizeBody): Promise<Response> {
  nameOf(call, body.model)
  return Response.json({ prompt: await call.engine.detokenize(body.tokens) })
}
