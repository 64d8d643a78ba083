import type { PromptEvent, StreamEvent } from '../protocol/stream-events.ts'
import { runStreamed, runWhole } from './answer.ts'
import type { Call } from './call.ts'
import { CompletionChoice, type CompletionPiece, joinCompletionPieces } from './completion-answer.ts'
import { type CompletionBody, type CompletionPlan, planCompletion } from './completion-request.ts'
import { promptLogprobs } from './logprobs.ts'
import { nameOf } from './models.ts'
import { UsageMeter } from './usage.ts'

/** POST /v1/completions. Choice i of prompt p is choice p·n + i. Errors: those of the request and of the engine. */
export async function completions(call: Call, body: CompletionBody): Promise<Response> {
  const model = nameOf(call, body.model)
  const id = `cmpl-${call.id}`
  const plan = await planCompletion(id, body, call.engine)
  const writer = new CompletionWriter(body.n ?? 1, plan)
  const head = { id, object: 'text_completion', created: Math.floor(Date.now() / 1000), model }
  return body.stream ? streamed(call, body, writer, head) : whole(call, writer, head)
}

/** All choices of an answer, by prompt, and their cost. */
class CompletionWriter {
  readonly plan: CompletionPlan
  readonly meter = new UsageMeter()
  readonly prompts: (PromptEvent | undefined)[] = []
  readonly #n: number
  readonly #choices: CompletionChoice[]

  constructor(n: number, plan: CompletionPlan) {
    this.#n = n
    this.plan = plan
    this.#choices = Array.from({ length: plan.requests.length * n }, (_, i) => {
      return new CompletionChoice(i, plan.form, plan.echoed[Math.floor(i / n)])
    })
  }

  get count(): number {
    return this.#choices.length
  }

  /** The prompt that a choice continues. */
  promptOf(choice: number): number {
    return Math.floor(choice / this.#n)
  }

  take(event: StreamEvent, at: number): CompletionPiece[] {
    const first = at * this.#n
    const choice = first + (event.type === 'delta' ? event.index : 0)
    this.meter.take(event, at, choice)
    if (event.type === 'delta') return this.#choices[choice]?.take(event) ?? []
    if (event.type !== 'prompt') return []
    this.prompts[at] = event
    return this.#choices.slice(first, first + this.#n).flatMap((each) => each.begin(event))
  }
}

async function whole(call: Call, writer: CompletionWriter, head: object): Promise<Response> {
  const pieces = Array.from({ length: writer.count }, (): CompletionPiece[] => [])
  await runWhole(call, writer.plan.requests, (event, at) => {
    for (const piece of writer.take(event, at)) pieces[piece.index]?.push(piece)
  })
  const choices = pieces.map((own, index) => ({
    ...joinCompletionPieces(own),
    index,
    prompt_logprobs: promptLogprobs(writer.prompts[writer.promptOf(index)]?.prompt_logprobs),
  }))
  return Response.json({ ...head, choices, usage: writer.meter.total(writer.plan.form.promptOnly) })
}

function streamed(call: Call, body: CompletionBody, writer: CompletionWriter, head: object): Promise<Response> {
  const { include_usage, continuous_usage_stats } = body.stream_options ?? {}
  const usage = (at: number, index: number): object =>
    include_usage ? { usage: continuous_usage_stats ? writer.meter.soFar(at, index) : null } : {}
  return runStreamed(call, {
    requests: writer.plan.requests,
    *chunks(event, at) {
      for (const piece of writer.take(event, at)) yield { ...head, choices: [piece], ...usage(at, piece.index) }
    },
    *last() {
      if (include_usage) yield { ...head, choices: [], usage: writer.meter.total(writer.plan.form.promptOnly) }
    },
  })
}
