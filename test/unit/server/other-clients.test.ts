import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { ChatOpenAI } from '@langchain/openai'
import { generateText, jsonSchema, streamText, tool } from 'ai'
import { describe, expect, it } from 'vitest'
import { FakeEngine, type Script, say } from './fake-engine.ts'
import { fetchOf } from './requests.ts'

const picture = 'data:image/png;base64,iVBORw0KGgo='

/** Says what it has been asked for. */
const greet: Script = (run) => say(run, 'Hello, ', 'world')

describe('@ai-sdk/openai-compatible', () => {
  const modelOf = (engine: FakeEngine): ReturnType<ReturnType<typeof createOpenAICompatible>> =>
    createOpenAICompatible({
      name: 'ocellus',
      baseURL: 'http://x/v1',
      fetch: fetchOf(engine),
      includeUsage: true,
      supportsStructuredOutputs: true,
    })('org/tiny-vl')

  it('generates text about a picture', async () => {
    const engine = new FakeEngine(greet)
    const content = [
      { type: 'text' as const, text: 'What is it?' },
      { type: 'image' as const, image: picture },
    ]
    const { text, finishReason, usage } = await generateText({ model: modelOf(engine), messages: [{ role: 'user', content }] })
    expect([text, finishReason, usage.inputTokens, usage.outputTokens, usage.cachedInputTokens]).toEqual(['Hello, world', 'stop', 5, 12, 2])
    expect(engine.runs[0]?.request.media.image).toEqual([{ kind: 'url', url: picture }])
  })

  it('streams text', async () => {
    const { textStream, usage, finishReason } = streamText({ model: modelOf(new FakeEngine(greet)), prompt: 'Hi' })
    const pieces: string[] = []
    for await (const piece of textStream) pieces.push(piece)
    expect([pieces, await finishReason, (await usage).totalTokens]).toEqual([['Hello, ', 'world'], 'stop', 17])
  })

  it('streams tool calls', async () => {
    const call: Script = (run) => say(run, '<tool_call>{"name": "weather", ', '"arguments": {"city": ', '"Rome"}}</tool_call>')
    const inputSchema = jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } } })
    const weather = tool({ inputSchema, execute: ({ city }) => `It rains in ${city}.` })
    const result = streamText({ model: modelOf(new FakeEngine(call)), prompt: 'Hi', tools: { weather } })
    expect(await result.toolResults).toMatchObject([{ toolName: 'weather', input: { city: 'Rome' }, output: 'It rains in Rome.' }])
    expect(await result.finishReason).toBe('tool-calls')
  })
})

describe('@langchain/openai', () => {
  const modelOf = (engine: FakeEngine): ChatOpenAI =>
    new ChatOpenAI({
      model: 'org/tiny-vl',
      apiKey: 'none',
      configuration: { baseURL: 'http://x/v1', fetch: fetchOf(engine) },
      maxRetries: 0,
    })

  it('answers, whole and streamed', async () => {
    const model = modelOf(new FakeEngine(greet))
    const { content, response_metadata } = await model.invoke('Hi')
    expect([content, (response_metadata['tokenUsage'] as { totalTokens: number }).totalTokens]).toEqual(['Hello, world', 17])
    let text = ''
    for await (const chunk of await model.stream('Hi')) text += chunk.content
    expect(text).toBe('Hello, world')
  })
})
