import type { PromptEvent, StreamEvent } from '../protocol/stream-events.ts'
import { runStreamed, runWhole } from './answer.ts'
import type { Call } from './call.ts'
import { ChatChoice, type ChatPiece, joinChatPieces } from './chat-answer.ts'
import { type ChatBody, type ChatPlan, planChat } from './chat-request.ts'
import { promptLogprobs } from './logprobs.ts'
import { nameOf } from './models.ts'
import { UsageMeter } from './usage.ts'

/** POST /v1/chat/completions. Errors: those of the request and of the engine. */
export async function chatCompletions(call: Call, body: ChatBody): Promise<Response> {
  const model = nameOf(call, body.model)
  const id = `chatcmpl-${call.id}`
  const plan = planChat(id, body, call.engine.info)
  const head = { id, created: Math.floor(Date.now() / 1000), model }
  return body.stream ? streamed(call, body, plan, head) : whole(call, body, plan, head)
}

interface Head {
  id: string
  created: number
  model: string
}

const choicesOf = (body: ChatBody, { form }: ChatPlan): ChatChoice[] =>
  Array.from({ length: body.n ?? 1 }, (_, index) => new ChatChoice(index, form))

/** The pieces that an event gives, of all choices. */
function piecesOf(choices: readonly ChatChoice[], event: StreamEvent): ChatPiece[] {
  if (event.type === 'prompt') return choices.flatMap((choice) => choice.begin())
  return event.type === 'delta' ? (choices[event.index]?.take(event) ?? []) : []
}

async function whole(call: Call, body: ChatBody, plan: ChatPlan, head: Head): Promise<Response> {
  const choices = choicesOf(body, plan)
  const pieces = choices.map((): ChatPiece[] => [])
  const usage = new UsageMeter()
  let prompt: PromptEvent | undefined
  await runWhole(call, [plan.request], (event) => {
    if (event.type === 'prompt') prompt = event
    usage.take(event, 0, 0)
    for (const piece of piecesOf(choices, event)) pieces[piece.index]?.push(piece)
  })
  return Response.json({
    ...head,
    object: 'chat.completion',
    choices: pieces.map(joinChatPieces),
    usage: usage.total(),
    prompt_logprobs: promptLogprobs(prompt?.prompt_logprobs),
    ...(body.return_token_ids && { prompt_token_ids: prompt?.prompt_token_ids }),
  })
}

function streamed(call: Call, body: ChatBody, plan: ChatPlan, head: Head): Promise<Response> {
  const choices = choicesOf(body, plan)
  const meter = new UsageMeter()
  const { include_usage, continuous_usage_stats } = body.stream_options ?? {}
  const usage = (index: number): object => (include_usage ? { usage: continuous_usage_stats ? meter.soFar(0, index) : null } : {})
  const frame = { ...head, object: 'chat.completion.chunk' }
  return runStreamed(call, {
    requests: [plan.request],
    *chunks(event) {
      meter.take(event, 0, event.type === 'delta' ? event.index : 0)
      const ids = event.type === 'prompt' && body.return_token_ids ? { prompt_token_ids: event.prompt_token_ids } : {}
      for (const piece of piecesOf(choices, event)) yield { ...frame, choices: [piece], ...ids, ...usage(piece.index) }
    },
    *last() {
      if (include_usage) yield { ...frame, choices: [], usage: meter.total() }
    },
  })
}
