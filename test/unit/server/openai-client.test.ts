import OpenAI, {
  APIConnectionError,
  APIError,
  APIUserAbortError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
  UnprocessableEntityError,
} from 'openai'
import type { RunnableToolFunction } from 'openai/lib/RunnableFunction'
import { describe, expect, it } from 'vitest'
import type { RouterOptions } from '../../../src/server/router.ts'
import {
  contextLengthError,
  deviceLostError,
  engineNotReadyError,
  invalidLogitsError,
  mediaError,
  queueFullError,
  withCode,
} from '../../../src/util/errors.ts'
import { deltaEvent, doneEvent, FakeEngine, logprobsOf, promptEvent, type Script, say } from './fake-engine.ts'
import { fetchOf } from './requests.ts'

const clientOf = (engine: FakeEngine, options: Partial<RouterOptions> = {}, maxRetries = 0): OpenAI =>
  new OpenAI({ baseURL: 'http://x/v1', apiKey: 'none', fetch: fetchOf(engine, options), maxRetries })

const model = 'org/tiny-vl'
const messages = [{ role: 'user' as const, content: 'Hi' }]
const weather = {
  type: 'function' as const,
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}

/** Greets; each character is a token with its log-probability. */
const greet: Script = (run) => {
  run.post(promptEvent(5))
  for (let index = 0; index < (run.request.sampling.n ?? 1); index++)
    for (const [i, char] of [...'Hello! 😀'].entries())
      run.post(deltaEvent(char, { index, logprobs: [logprobsOf(char)], ...(i === 7 && { finish_reason: 'stop' }) }))
  run.post(doneEvent(5, 8 * (run.request.sampling.n ?? 1)))
}

describe('the openai client', () => {
  it('chats', async () => {
    const asked = clientOf(new FakeEngine(greet)).chat.completions.create({ model, messages })
    const { data, response, request_id } = await asked.withResponse()
    expect(data.choices[0]?.message.content).toBe('Hello! 😀')
    expect(data.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 8, total_tokens: 13 })
    expect(request_id).toBe(response.headers.get('x-request-id'))
    expect(data.id).toBe(`chatcmpl-${request_id}`)
  })

  it('streams the same text, with one end and the exact usage', async () => {
    const client = clientOf(new FakeEngine(greet))
    const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } })
    let text = ''
    const ends: string[] = []
    const usages: unknown[] = []
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      if (chunk.choices[0]?.finish_reason) ends.push(chunk.choices[0].finish_reason)
      if (chunk.usage) usages.push(chunk.usage)
    }
    expect([text, ends]).toEqual(['Hello! 😀', ['stop']])
    expect(usages).toEqual([(await client.chat.completions.create({ model, messages })).usage])
  })

  it('collects a stream to the whole answer with its own helper', async () => {
    const client = clientOf(new FakeEngine(greet))
    const fields = { model, messages, n: 2, logprobs: true, top_logprobs: 1 }
    const collected = await client.chat.completions.stream(fields).finalChatCompletion()
    const whole = await client.chat.completions.create(fields)
    expect(collected.choices.map(({ message }) => message.content)).toEqual(['Hello! 😀', 'Hello! 😀'])
    expect(collected.choices.map(({ logprobs }) => logprobs?.content)).toEqual(whole.choices.map(({ logprobs }) => logprobs?.content))
    expect(collected.choices.map(({ finish_reason }) => finish_reason)).toEqual(whole.choices.map(({ finish_reason }) => finish_reason))
  })

  it('sends pictures among text', async () => {
    const engine = new FakeEngine()
    const image = (url: string): OpenAI.ChatCompletionContentPart => ({ type: 'image_url', image_url: { url, detail: 'high' } })
    const content = [image('http://x/1.png'), { type: 'text' as const, text: 'and' }, image('data:image/png;base64,AA==')]
    await clientOf(engine).chat.completions.create({ model, messages: [{ role: 'user', content }], stop: ['.'] })
    expect(engine.runs[0]?.request).toMatchObject({
      input: { messages: [{ content: [{ type: 'image' }, { type: 'text', text: 'and' }, { type: 'image' }] }] },
      media: {
        image: [
          { kind: 'url', url: 'http://x/1.png' },
          { kind: 'url', url: 'data:image/png;base64,AA==' },
        ],
      },
      sampling: { stop: ['.'] },
    })
  })

  it('asks for a JSON schema and parses the answer', async () => {
    const engine = new FakeEngine((run) => say(run, '{"a":', ' 1}'))
    const schema = { type: 'object', properties: { a: { type: 'integer' } } }
    const response_format = { type: 'json_schema' as const, json_schema: { name: 'a', schema, strict: true } }
    const { choices } = await clientOf(engine).chat.completions.parse({ model, messages, response_format })
    expect(choices[0]?.message.parsed).toEqual({ a: 1 })
    expect(engine.runs[0]?.request.sampling).toEqual({ structured_outputs: { json: schema } })
  })

  it('runs tools until the model answers', async () => {
    const engine = new FakeEngine((run) => {
      const asked = 'messages' in run.request.input ? run.request.input.messages : []
      if (asked.at(-1)?.role === 'tool') return say(run, 'It is ', 'sunny.')
      say(run, '<tool_call>{"name": "weather", "argu', 'ments": {"city": "Rome"}}</tool_call>')
    })
    const cities: unknown[] = []
    const tool: RunnableToolFunction<{ city: string }> = {
      ...weather,
      function: {
        ...weather.function,
        description: 'Tells the weather.',
        parse: (text: string) => JSON.parse(text) as { city: string },
        function: ({ city }) => {
          cities.push(city)
          return 'sun'
        },
      },
    }
    for (const stream of [false, true]) {
      const client = clientOf(engine)
      const runner = stream
        ? client.chat.completions.runTools({ model, messages, tools: [tool], stream })
        : client.chat.completions.runTools({ model, messages, tools: [tool] })
      expect(await runner.finalContent()).toBe('It is sunny.')
    }
    expect(cities).toEqual(['Rome', 'Rome'])
    // The model's own call comes back as its template wants it: with an object.
    expect(engine.runs.at(-1)?.request.input).toMatchObject({
      messages: [
        {},
        { role: 'assistant', tool_calls: [{ function: { name: 'weather', arguments: { city: 'Rome' } } }] },
        { role: 'tool', content: 'sun' },
      ],
    })
  })

  it('completes text, whole and streamed', async () => {
    const client = clientOf(new FakeEngine(greet))
    const { choices } = await client.completions.create({ model, prompt: 'Hi', max_tokens: 8 })
    let text = ''
    for await (const chunk of await client.completions.create({ model, prompt: 'Hi', stream: true })) text += chunk.choices[0]?.text
    expect([choices[0]?.text, text]).toEqual(['Hello! 😀', 'Hello! 😀'])
  })

  it('lists and retrieves models', async () => {
    const client = clientOf(new FakeEngine(), { models: ['org/tiny-vl', 'tiny'] })
    const ids: string[] = []
    for await (const { id } of client.models.list()) ids.push(id)
    expect(ids).toEqual(['org/tiny-vl', 'tiny'])
    expect((await client.models.retrieve('org/tiny-vl')).id).toBe('org/tiny-vl')
    await expect(client.models.retrieve('gpt')).rejects.toBeInstanceOf(NotFoundError)
  })

  for (const encoding_format of ['float', 'base64', undefined] as const)
    it(`is told that there are no embeddings as ${encoding_format}`, async () => {
      const asked = clientOf(new FakeEngine()).embeddings.create({ model, input: 'a', ...(encoding_format && { encoding_format }) })
      const error = await asked.catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(BadRequestError)
      expect((error as Error).message).toContain("task: 'embed'")
    })
})

describe('aborts of the openai client', () => {
  const silent: Script = (run) => {
    run.post(promptEvent(1))
    run.post(deltaEvent('Hel'))
  }

  it('end the request of a whole answer', async () => {
    const engine = new FakeEngine(silent)
    const controller = new AbortController()
    const asked = clientOf(engine).chat.completions.create({ model, messages }, { signal: controller.signal })
    setTimeout(() => controller.abort(), 10)
    await expect(asked).rejects.toBeInstanceOf(APIUserAbortError)
    await engine.runs[0]?.heard('abort')
  })

  it('end a stream by break', async () => {
    const engine = new FakeEngine(silent)
    for await (const chunk of await clientOf(engine).chat.completions.create({ model, messages, stream: true }))
      if (chunk.choices[0]?.delta.content) break
    await engine.runs[0]?.heard('abort')
  })

  it('end a stream by its controller', async () => {
    const engine = new FakeEngine(silent)
    const stream = await clientOf(engine).chat.completions.create({ model, messages, stream: true })
    const texts: string[] = []
    for await (const chunk of stream) {
      texts.push(chunk.choices[0]?.delta.content ?? '')
      if (texts.at(-1)) stream.controller.abort()
    }
    expect(texts).toEqual(['', 'Hel'])
    await engine.runs[0]?.heard('abort')
  })

  it('by its time limit reach the engine as well', async () => {
    const engine = new FakeEngine(silent)
    await expect(clientOf(engine).chat.completions.create({ model, messages }, { timeout: 20 })).rejects.toBeInstanceOf(APIConnectionError)
    await engine.runs[0]?.heard('abort')
  })
})

describe('errors in the openai client', () => {
  const classes: [error: Error, type: new (...args: never[]) => Error, status: number, code: string | null][] = [
    [contextLengthError('prompt has 600 tokens but max_model_len is 512'), BadRequestError, 400, 'context_length_exceeded'],
    [mediaError('It is no picture.'), BadRequestError, 400, 'invalid_image'],
    [withCode(mediaError('It is too large.'), 'media_too_large'), APIError, 413, 'media_too_large'],
    [withCode(mediaError('The host said 404.'), 'media_fetch_failed'), UnprocessableEntityError, 422, 'media_fetch_failed'],
    [queueFullError('256 requests are waiting.'), RateLimitError, 429, 'queue_full'],
    [invalidLogitsError('The logits are not finite.'), InternalServerError, 500, 'nan_logits'],
    [deviceLostError('The GPU is gone.'), InternalServerError, 503, 'device_lost'],
  ]
  for (const [error, type, status, code] of classes)
    it(`${error.name} with ${code} is ${status}`, async () => {
      const engine = new FakeEngine(() => {
        throw error
      })
      const thrown: unknown = await clientOf(engine)
        .chat.completions.create({ model, messages })
        .catch((reason: unknown) => reason)
      expect(thrown).toBeInstanceOf(type)
      expect(thrown).toMatchObject({ status, code, param: status === 400 && code !== 'invalid_image' ? 'messages' : null })
    })

  it('in a stream carry our code', async () => {
    const engine = new FakeEngine((run) => {
      run.post(promptEvent(1))
      run.post(deltaEvent('Hel'))
      run.post({ type: 'error', name: 'InvalidLogitsError', message: 'The logits are not finite.' })
    })
    const read = async (): Promise<void> => {
      for await (const _ of await clientOf(engine).chat.completions.create({ model, messages, stream: true }));
    }
    const thrown: unknown = await read().catch((reason: unknown) => reason)
    expect(thrown).toBeInstanceOf(APIError)
    expect(thrown).toMatchObject({ code: 'nan_logits', type: 'server_error' })
  })
})

describe('retries of the openai client', () => {
  /** Fails this many times before it greets, at once to be tried again. */
  const failing = (times: number, error: Error): FakeEngine => {
    const engine: FakeEngine = new FakeEngine((run) => {
      if (engine.runs.length <= times) throw error
      say(run, 'Hello')
    })
    return engine
  }
  /** retry-after of one second is not waited for here. */
  const impatient = (engine: FakeEngine): OpenAI => {
    const route = fetchOf(engine)
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const response = await route(input, init)
      for (const name of ['retry-after', 'retry-after-ms']) if (response.headers.has(name)) response.headers.set(name, '0.001')
      return response
    }
    return new OpenAI({ baseURL: 'http://x/v1', apiKey: 'none', fetch, maxRetries: 2 })
  }

  for (const error of [engineNotReadyError('Not yet.'), deviceLostError('Gone.'), queueFullError('Full.')])
    it(`${error.name} twice is followed by an answer`, async () => {
      const engine = failing(2, error)
      const { choices } = await impatient(engine).chat.completions.create({ model, messages })
      expect([choices[0]?.message.content, engine.runs.length]).toEqual(['Hello', 3])
    })

  it('a failure that would come again is tried once', async () => {
    const engine = failing(1, invalidLogitsError('The logits are not finite.'))
    await expect(impatient(engine).chat.completions.create({ model, messages })).rejects.toBeInstanceOf(InternalServerError)
    expect(engine.runs).toHaveLength(1)
  })

  it('a bad request is tried once', async () => {
    const engine = failing(1, contextLengthError('prompt has 600 tokens but max_model_len is 512'))
    await expect(impatient(engine).chat.completions.create({ model, messages })).rejects.toBeInstanceOf(BadRequestError)
    expect(engine.runs).toHaveLength(1)
  })
})
