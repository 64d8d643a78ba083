import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai'
import OpenAI from 'openai'
import { ParsingToolFunction } from 'openai/lib/RunnableFunction'
import { describe, expect, it } from 'vitest'
import type { ToolFormat } from '../../../src/protocol/engine-api.ts'
import { createRouter } from '../../../src/server/router.ts'
import { hermesTemplate } from '../../support/tool-template.ts'
import { type ScriptedAnswer, type ScriptedEngine, scriptedEngine } from './tools/scripted-engine.ts'

const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city.',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
} as const
const time = { type: 'function', function: { name: 'get_time' } } as const
const tools = [weather, time]

const hermes = (name: string, json: string): string => `<tool_call>\n{"name": "${name}", "arguments": ${json}}\n</tool_call>`

/** A client of the router in front of an engine that gives these answers, one a request. */
function connect(answers: readonly ScriptedAnswer[], format: ToolFormat | null = 'hermes') {
  const engine = scriptedEngine((_, count) => answers[count] ?? 'the script is over', format)
  const router = createRouter({ engine: () => Promise.resolve(engine) })
  const fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => router(new Request(input, init))
  return { engine, fetch, client: new OpenAI({ baseURL: 'http://ocellus.test/v1', apiKey: 'none', fetch, maxRetries: 0 }) }
}

const ask = { model: 'scripted', messages: [{ role: 'user' as const, content: 'What is the weather in Rome?' }] }

type Chat = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, 'model' | 'messages' | 'stream'>

/** The first choice of the answer, unstreamed; the streamed one must be the same. */
async function choiceOf(answer: ScriptedAnswer, request: Chat, format?: ToolFormat | null) {
  const { client, engine } = connect([answer, answer], format)
  const whole = (await client.chat.completions.create({ ...ask, ...request })).choices[0]
  const streamed = (await client.chat.completions.stream({ ...ask, ...request }).finalChatCompletion()).choices[0]
  if (whole === undefined || streamed === undefined) throw new Error('no choice')
  expect(callsOf(streamed)).toEqual(callsOf(whole))
  expect(streamed.message.content || null).toBe(whole.message.content)
  expect(streamed.finish_reason).toBe(whole.finish_reason)
  return { ...whole, calls: callsOf(whole), content: whole.message.content, sent: sentOf(engine) }
}

const callsOf = ({ message }: { message: OpenAI.ChatCompletionMessage }): [name: string, json: string][] =>
  (message.tool_calls ?? []).map((call) => (call.type === 'function' ? [call.function.name, call.function.arguments] : [call.type, '']))

/** What the engine got of a request. */
function sentOf({ requests }: ScriptedEngine, at = 0) {
  const { input, sampling } = requests[at] ?? {}
  if (input === undefined || !('messages' in input)) throw new Error('no conversation')
  return { messages: input.messages, tools: input.chat.tools, form: sampling?.structured_outputs, sampling }
}

/** get_weather as runTools takes it. */
const runnable = (run: (place: { city: string }) => unknown) => {
  const { name, description, parameters } = weather.function
  const parse = (json: string): { city: string } => JSON.parse(json)
  return new ParsingToolFunction({ name, description, parameters: { ...parameters, required: ['city'] }, parse, function: run })
}

const rome: [string, string] = ['get_weather', '{"city": "Rome"}']

describe('the openai client with tools', () => {
  it('gets the calls that the model chose to make', async () => {
    const { calls, content, finish_reason, sent } = await choiceOf(hermes(...rome), { tools })
    expect(calls).toEqual([rome])
    expect(content).toBe(null)
    expect(finish_reason).toBe('tool_calls')
    expect(sent.tools).toEqual(tools)
    expect(sent.form).toBeUndefined()
    expect(sent.sampling?.skip_special_tokens).toBe(false)
  })

  it('gets text where the model called nothing', async () => {
    const { calls, content, finish_reason } = await choiceOf('It rains.', { tools, tool_choice: 'auto' })
    expect({ calls, content, finish_reason }).toEqual({ calls: [], content: 'It rains.', finish_reason: 'stop' })
  })

  it('gets parallel calls and the text beside them', async () => {
    const text = `Let me look.\n${hermes(...rome)}\n${hermes('get_time', '{}')}`
    const { calls, content, message } = await choiceOf(text, { tools })
    expect(calls).toEqual([rome, ['get_time', '{}']])
    expect(content).toBe('Let me look.\n')
    const ids = message.tool_calls?.map(({ id }) => id)
    expect(new Set(ids).size).toBe(2)
    expect(ids?.every((id) => id.startsWith('call_'))).toBe(true)
  })

  it('gets one call when parallel ones are off', async () => {
    const { calls } = await choiceOf(hermes(...rome) + hermes('get_time', '{}'), { tools, parallel_tool_calls: false })
    expect(calls).toEqual([rome])
  })

  it('gets calls in bare JSON from models that write them so', async () => {
    const text = '{"name": "get_weather", "parameters": {"city": "Rome"}}; {"name": "get_time", "parameters": {}}'
    const { calls, content } = await choiceOf(text, { tools }, 'json')
    expect(calls).toEqual([rome, ['get_time', '{}']])
    expect(content).toBe(null)
  })

  it('gets calls when they are required, and the engine holds the answer to a list of them', async () => {
    const text = '[{"name": "get_weather", "parameters": {"city": "Rome"}}, {"name": "get_time", "parameters": {}}]'
    const { calls, finish_reason, sent } = await choiceOf(text, { tools, tool_choice: 'required' })
    expect(calls).toEqual([rome, ['get_time', '{}']])
    expect(finish_reason).toBe('tool_calls')
    expect(sent.form?.json).toMatchObject({ type: 'array', minItems: 1 })
    expect(sent.tools).toEqual(tools)
  })

  it('gets the call of a named tool, and the engine holds the answer to its arguments', async () => {
    const tool_choice = { type: 'function' as const, function: { name: 'get_weather' } }
    const { calls, content, finish_reason, sent } = await choiceOf('{"city": "Rome"}', { tools, tool_choice })
    expect(calls).toEqual([rome])
    expect(content).toBe(null)
    expect(finish_reason).toBe('stop')
    expect(sent.form).toEqual({ json: weather.function.parameters })
  })

  it('gets no calls when there are to be none', async () => {
    const { calls, content, finish_reason, sent } = await choiceOf(hermes(...rome), { tools, tool_choice: 'none' })
    expect({ calls, content, finish_reason }).toEqual({ calls: [], content: hermes(...rome), finish_reason: 'stop' })
    expect(sent.tools).toEqual(tools)
  })

  it('gets a call that is none as text', async () => {
    for (const text of ["<tool_call>\n{'name': 'get_time'}\n</tool_call>", '<tool_call>\nget_time()\n</tool_call>']) {
      const { calls, content, finish_reason } = await choiceOf(text, { tools })
      expect({ calls, content, finish_reason }).toEqual({ calls: [], content: text, finish_reason: 'stop' })
    }
  })

  it('gets what there is of a call that was cut off', async () => {
    const { client } = connect([{ text: '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Ro', finish_reason: 'length' }])
    const { choices } = await client.chat.completions.create({ ...ask, tools })
    expect(choices[0]?.finish_reason).toBe('length')
    expect(choices.map(callsOf)).toEqual([[['get_weather', '{"city": "Ro']]])
    const early = connect([{ text: 'Hm. <tool_call>\n{"name": "get_wea', finish_reason: 'length' }])
    const text = (await early.client.chat.completions.create({ ...ask, tools })).choices[0]
    expect(text?.message.content).toBe('Hm. <tool_call>\n{"name": "get_wea')
    expect(text?.message.tool_calls).toBeUndefined()
    expect(text?.finish_reason).toBe('length')
  })

  it('sees arguments as they are written, between a role and one finish_reason', async () => {
    const { client } = connect([`Hm. ${hermes(...rome)}`])
    const chunks: OpenAI.ChatCompletionChunk[] = []
    for await (const chunk of await client.chat.completions.create({ ...ask, tools, stream: true })) chunks.push(chunk)
    const deltas = chunks.map(({ choices }) => choices[0]?.delta)
    expect(deltas[0]).toEqual({ role: 'assistant', content: '' })
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason).filter((reason) => reason !== null)).toEqual(['tool_calls'])
    const calls = deltas.flatMap((delta) => delta?.tool_calls ?? [])
    expect(calls[0]).toMatchObject({ index: 0, type: 'function', function: { name: 'get_weather', arguments: '' } })
    expect(calls.slice(1).every(({ id, type, function: part }) => id === undefined && type === undefined && part?.name === undefined)).toBe(
      true,
    )
    const json = calls.slice(1).map((call) => call.function?.arguments ?? '')
    expect(json.length).toBeGreaterThan(4)
    expect(json.join('')).toBe(rome[1])
  })

  it('tells the calls of several choices apart', async () => {
    const { client } = connect([hermes(...rome)])
    const { choices } = await client.chat.completions.create({ ...ask, tools, n: 2 })
    expect(choices.map(callsOf)).toEqual([[rome], [rome]])
  })

  it('runs tools and hands their results back', async () => {
    for (const stream of [false, true]) {
      const { client, engine } = connect([hermes(...rome), 'It is sunny in Rome.'])
      const cities: unknown[] = []
      const run = runnable(({ city }) => {
        cities.push(city)
        return { sky: 'sunny' }
      })
      const runner = stream
        ? client.chat.completions.runTools({ ...ask, tools: [run], stream: true })
        : client.chat.completions.runTools({ ...ask, tools: [run] })
      expect(await runner.finalContent()).toBe('It is sunny in Rome.')
      expect(cities).toEqual(['Rome'])
      const [, call, result] = sentOf(engine, 1).messages
      const id = (call?.['tool_calls'] as { id: string }[] | undefined)?.[0]?.id
      expect(call).toMatchObject({
        role: 'assistant',
        tool_calls: [{ id, type: 'function', function: { name: 'get_weather', arguments: { city: 'Rome' } } }],
      })
      expect(result).toEqual({ role: 'tool', tool_call_id: id, content: '{"sky":"sunny"}' })
    }
  })

  it('goes on after arguments that are not JSON', async () => {
    const { client, engine } = connect([hermes('get_weather', '{"city": Rome}'), 'I cannot tell.'])
    const run = runnable(() => 'sunny')
    expect(await client.chat.completions.runTools({ ...ask, tools: [run] }).finalContent()).toBe('I cannot tell.')
    const [, call, result] = sentOf(engine, 1).messages
    expect(call).toMatchObject({ tool_calls: [{ function: { arguments: '{"city": Rome}' } }] })
    expect(result?.content).toMatch(/JSON/)
  })

  it('is told which field is wrong', async () => {
    const refused: [request: Chat, format: ToolFormat | null, param: string][] = [
      [{ tools: [{ type: 'function', function: { name: 'a b' } }] }, 'hermes', 'tools[0].function.name'],
      [{ tools, tool_choice: { type: 'function', function: { name: 'fly' } } }, 'hermes', 'tool_choice.function.name'],
      [{ tool_choice: 'required' }, 'hermes', 'tool_choice'],
      [{ tools }, null, 'tools'],
      [{ tools, tool_choice: 'required', response_format: { type: 'json_object' } }, 'hermes', 'response_format'],
    ]
    for (const [request, format, param] of refused) {
      for (const stream of [false, true]) {
        const { client, engine } = connect([], format)
        const error = await client.chat.completions.create({ ...ask, ...request, stream }).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', param, code: null })
        expect(engine.requests).toEqual([])
      }
    }
  })

  it('may bring a chat template that takes tools to a model whose own takes none', async () => {
    const { client, engine } = connect([hermes(...rome)], null)
    const request = { ...ask, tools, chat_template: hermesTemplate }
    const { choices } = await client.chat.completions.create(request)
    expect(choices.map(callsOf)).toEqual([[rome]])
    expect(sentOf(engine).tools).toEqual(tools)
  })
})

describe('the AI SDK with tools', () => {
  const getWeather = (cities: string[]) =>
    tool({
      description: 'The weather of a city.',
      inputSchema: jsonSchema<{ city: string }>(weather.function.parameters),
      execute: ({ city }) => {
        cities.push(city)
        return Promise.resolve('sunny')
      },
    })

  const model = (fetch: typeof globalThis.fetch) =>
    createOpenAICompatible({ name: 'ocellus', baseURL: 'http://ocellus.test/v1', fetch, includeUsage: true })('scripted')

  it('runs tools and hands their results back', async () => {
    const { fetch, engine } = connect([`Let me see. ${hermes(...rome)}`, 'It is sunny.'])
    const cities: string[] = []
    const { text, steps } = await generateText({
      model: model(fetch),
      prompt: 'What is the weather in Rome?',
      tools: { get_weather: getWeather(cities) },
      stopWhen: stepCountIs(3),
    })
    expect(text).toBe('It is sunny.')
    expect(cities).toEqual(['Rome'])
    expect(steps.map(({ finishReason }) => finishReason)).toEqual(['tool-calls', 'stop'])
    expect(steps[0]?.text).toBe('Let me see. ')
    expect(sentOf(engine, 1).messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool'])
  })

  it('streams calls', async () => {
    const { fetch } = connect([hermes(...rome) + hermes('get_weather', '{"city": "Oslo"}'), 'Both are sunny.'])
    const cities: string[] = []
    const result = streamText({
      model: model(fetch),
      prompt: 'What is the weather?',
      tools: { get_weather: getWeather(cities) },
      stopWhen: stepCountIs(3),
    })
    const parts: string[] = []
    for await (const part of result.fullStream) parts.push(part.type)
    expect(await result.text).toBe('Both are sunny.')
    expect(cities).toEqual(['Rome', 'Oslo'])
    expect(parts.filter((type) => type === 'tool-call').length).toBe(2)
    expect(parts.filter((type) => type === 'error')).toEqual([])
    expect((await result.totalUsage).inputTokens).toBe(6)
  })
})
