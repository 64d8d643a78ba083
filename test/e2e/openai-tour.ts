import type OpenAI from 'openai'
import { expect } from 'vitest'

/** What a tour is told. */
export interface TourPlan {
  model: string
  /** Two different pictures, as addresses. */
  pictures: readonly [string, string]
  /** A chat template that takes tools. */
  template: string
}

/** What a tour has seen; the same wherever it went. */
export interface TourReport {
  conversation: string | null | undefined
  one: Counts
  interleaved: Told
  swapped: Told
  streamed: Told & { finish_reasons: string[] }
  schema: string | null | undefined
  calls: { name: string; arguments: string }[]
  streamedCalls: { name: string; arguments: string }[]
  logprobs: { chosen: [string, number]; likeliest: [string, number]; count: number; bytes: number[] | null }[]
  embeddings: unknown[]
  refused: unknown[]
  aborts: string[]
  after: string | null | undefined
}

/** Tokens of prompt and answer, and their sum. How many came from a cache depends on what was asked before. */
type Counts = [prompt: number, answer: number, total: number]

interface Told {
  text: string | null | undefined
  usage: Counts
}

/** What the parts of a tour have in common. They run in Node or as text in a page, so that they may name nothing but each other. */
export function tourKit(openai: OpenAI, { model }: TourPlan) {
  const common = { model, temperature: 0, max_tokens: 8, ignore_eos: true }
  const text = (value: string): OpenAI.ChatCompletionContentPart => ({ type: 'text', text: value })
  const picture = (url: string): OpenAI.ChatCompletionContentPart => ({ type: 'image_url', image_url: { url } })
  const user = (content: OpenAI.ChatCompletionContentPart[] | string): OpenAI.ChatCompletionMessageParam => ({ role: 'user', content })
  const ask = (messages: OpenAI.ChatCompletionMessageParam[], more: object = {}): Promise<OpenAI.ChatCompletion> =>
    openai.chat.completions.create({ ...common, messages, ...more, stream: false })
  const count = (usage: OpenAI.CompletionUsage | null | undefined): Counts => [
    usage?.prompt_tokens ?? 0,
    usage?.completion_tokens ?? 0,
    usage?.total_tokens ?? 0,
  ]
  const tell = async (content: OpenAI.ChatCompletionContentPart[]): Promise<Told> => {
    const { choices, usage } = await ask([user(content)])
    return { text: choices[0]?.message.content, usage: count(usage) }
  }
  const refusalOf = async (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => 'no error',
      ({ status, code, type, param }) => [status, code, type, param],
    )
  const turns: OpenAI.ChatCompletionMessageParam[] = [
    { role: 'system', content: 'Be short.' },
    user('Hi'),
    { role: 'assistant', content: 'Hello' },
    user('Who are you?'),
  ]
  return { common, text, picture, user, ask, count, tell, refusalOf, turns }
}

type Kit = ReturnType<typeof tourKit>

/** Conversations, pictures, streams. */
export async function tourAnswers(openai: OpenAI, { pictures }: TourPlan, { common, text, picture, user, ask, count, tell, turns }: Kit) {
  const conversation = (await ask(turns)).choices[0]?.message.content

  const among = (first: string, second: string): OpenAI.ChatCompletionContentPart[] => [
    text('This: '),
    picture(first),
    text(' and this: '),
    picture(second),
    text(' differ by?'),
  ]
  const one = count((await ask([user([picture(pictures[0]), text('What?')])])).usage)
  const interleaved = await tell(among(...pictures))
  const swapped = await tell(among(pictures[1], pictures[0]))

  const streamed: TourReport['streamed'] = { text: '', usage: [0, 0, 0], finish_reasons: [] }
  const streaming = { ...common, messages: [user(among(...pictures))], stream_options: { include_usage: true } }
  for await (const { choices, usage } of await openai.chat.completions.create({ ...streaming, stream: true })) {
    streamed.text += choices[0]?.delta.content ?? ''
    if (choices[0]?.finish_reason) streamed.finish_reasons.push(choices[0].finish_reason)
    if (usage) streamed.usage = count(usage)
  }
  return { conversation, one, interleaved, swapped, streamed }
}

/** Forms, tools, log-probabilities. */
export async function tourForms(openai: OpenAI, { pictures, template }: TourPlan, { common, text, picture, user, ask }: Kit) {
  const form = { type: 'object', properties: { shape: { enum: ['circle', 'star'] } }, required: ['shape'], additionalProperties: false }
  const response_format = { type: 'json_schema', json_schema: { name: 'shape', strict: true, schema: form } }
  const held = await ask([user([picture(pictures[0]), text('Which shape?')])], { response_format, max_tokens: 900, ignore_eos: false })

  const parameters = { type: 'object', properties: { city: { enum: ['Rome', 'Oslo'] } }, required: ['city'], additionalProperties: false }
  const tools: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: { name: 'weather', parameters } }]
  const toolFields = {
    tools,
    tool_choice: 'required' as const,
    parallel_tool_calls: false,
    chat_template: template,
    max_tokens: 900,
    ignore_eos: false,
  }
  const called = await ask([user('Is it raining?')], toolFields)
  const calls = (called.choices[0]?.message.tool_calls ?? []).map((call) => 'function' in call && call.function)
  const streamedCalls: { name: string; arguments: string }[] = []
  const callStream = await openai.chat.completions.create({ ...common, messages: [user('Is it raining?')], ...toolFields, stream: true })
  for await (const { choices } of callStream) {
    for (const { index, function: part } of choices[0]?.delta.tool_calls ?? []) {
      const call = (streamedCalls[index] ??= { name: '', arguments: '' })
      call.name += part?.name ?? ''
      call.arguments += part?.arguments ?? ''
    }
  }

  const likely = await ask([user('Hi')], { logprobs: true, top_logprobs: 3, max_tokens: 4 })
  const logprobs = (likely.choices[0]?.logprobs?.content ?? []).map(({ token, logprob, bytes, top_logprobs }) => ({
    chosen: [token, logprob] as [string, number],
    likeliest: [top_logprobs[0]?.token ?? '', top_logprobs[0]?.logprob ?? 0] as [string, number],
    count: top_logprobs.length,
    bytes,
  }))
  const said = calls.flatMap((call) => (call ? [call] : []))
  return { schema: held.choices[0]?.message.content, calls: said, streamedCalls, logprobs }
}

/** What is refused, and what is given up. */
export async function tourTroubles(openai: OpenAI, { model }: TourPlan, { common, picture, user, ask, refusalOf }: Kit) {
  const embeddings: unknown[] = []
  for (const format of [{}, { encoding_format: 'float' as const }, { encoding_format: 'base64' as const }])
    embeddings.push(await refusalOf(openai.embeddings.create({ model, input: 'Hi', ...format })))
  const refused = [
    await refusalOf(openai.models.retrieve('gpt-4o')),
    await refusalOf(ask([], {})),
    await refusalOf(ask([user('Hi')], { model: 'gpt-4o' })),
    await refusalOf(ask([user('word '.repeat(5000))])),
    await refusalOf(ask([user('Hi')], { temperature: -1 })),
    await refusalOf(ask([user([picture('ftp://host/x.png')])])),
  ]

  const aborts: string[] = []
  const long = { ...common, messages: [user('Count')], max_tokens: 700 }
  let chunks = 0
  for await (const _ of await openai.chat.completions.create({ ...long, stream: true })) if (++chunks === 4) break
  aborts.push(`${chunks} chunks`)
  const controller = new AbortController()
  const whole = openai.chat.completions.create({ ...long, stream: false }, { signal: controller.signal })
  setTimeout(() => controller.abort(), 100)
  aborts.push(await whole.then(() => 'no error').catch((error: Error) => error.message))
  const late = openai.chat.completions.create({ ...long, stream: false }, { timeout: 100, maxRetries: 0 })
  aborts.push(await late.then(() => 'no error').catch((error: Error) => error.message))
  return { embeddings, refused, aborts }
}

/** Goes through what OpenAI's client can do with a chat model. */
export async function tour(openai: OpenAI, plan: TourPlan): Promise<TourReport> {
  const kit = tourKit(openai, plan)
  const answers = await tourAnswers(openai, plan, kit)
  const forms = await tourForms(openai, plan, kit)
  const troubles = await tourTroubles(openai, plan, kit)
  return { ...answers, ...forms, ...troubles, after: (await kit.ask(kit.turns)).choices[0]?.message.content }
}

/** The tour as text that makes the function, for a page. */
export const tourText = `(() => { ${tourKit}; ${tourAnswers}; ${tourForms}; ${tourTroubles}; return ${tour} })()`

/** What must be true of every tour. */
export function checkTour(report: TourReport): void {
  const { interleaved, swapped, streamed, logprobs, calls } = report
  expect(report.conversation).toBeTruthy()
  expect(report.after).toBe(report.conversation)
  const [tokens] = interleaved.usage
  expect(tokens).toBeGreaterThan(report.one[0] + 10)
  expect(interleaved.usage).toEqual([tokens, 8, tokens + 8])
  expect(swapped.usage).toEqual(interleaved.usage)
  expect(swapped.text).not.toBe(interleaved.text)
  expect(streamed.text).toBe(interleaved.text)
  expect(streamed.finish_reasons).toEqual(['length'])
  expect(streamed.usage).toEqual(interleaved.usage)
  expect(report.schema?.trim()).toMatch(/^\{\s*"shape"\s*:\s*"(circle|star)"\s*\}$/)
  expect(calls.map(({ name }) => name)).toEqual(['weather'])
  expect(['Rome', 'Oslo']).toContain(JSON.parse(calls[0]?.arguments ?? '').city)
  expect(report.streamedCalls).toEqual(calls)
  expect(logprobs.map(({ count }) => count)).toEqual([3, 3, 3, 3])
  for (const { chosen, likeliest, bytes } of logprobs) {
    expect(chosen).toEqual(likeliest)
    expect(chosen[1]).toBeLessThan(0)
    expect(bytes?.length).toBeGreaterThan(0)
  }
  const bad = 'invalid_request_error'
  expect(report.embeddings).toEqual(Array.from({ length: 3 }, () => [400, null, bad, 'model']))
  expect(report.refused).toEqual([
    [404, 'model_not_found', bad, 'model'],
    [400, null, bad, 'messages'],
    [404, 'model_not_found', bad, 'model'],
    [400, 'context_length_exceeded', bad, 'messages'],
    [400, null, bad, 'temperature'],
    [400, 'unsupported_url_scheme', bad, 'messages[0].content[0].image_url.url'],
  ])
  expect(report.aborts).toEqual(['4 chunks', 'Request was aborted.', 'Request timed out.'])
}
