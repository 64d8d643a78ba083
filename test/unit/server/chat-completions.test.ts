import { describe, expect, it } from 'vitest'
import { deltaEvent, doneEvent, FakeEngine, logprobsOf, promptEvent, type Script } from './fake-engine.ts'
import { chat, eventsOf, routerOf, user } from './requests.ts'

const weather = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}

interface Choice {
  index: number
  message: { role: string; content: string | null; refusal: null; tool_calls?: { function: { name: string; arguments: string } }[] }
  logprobs: { content: { token: string; logprob: number; bytes: number[]; top_logprobs: object[] }[] } | null
  finish_reason: string
  stop_reason: unknown
  token_ids?: number[]
}
interface Answer {
  choices: Choice[]
  usage: object
  prompt_logprobs: unknown
  prompt_token_ids?: number[]
}
interface Chunk {
  id: string
  object: string
  created: number
  model: string
  choices: {
    index: number
    delta: {
      role?: string
      content?: string
      tool_calls?: { index: number; id?: string; function: { name?: string; arguments?: string } }[]
    }
    logprobs: Choice['logprobs']
    finish_reason: string | null
    token_ids?: number[]
  }[]
  usage?: object | null
  prompt_token_ids?: number[]
}

const answerTo = async (script: Script, fields: object): Promise<Answer> =>
  (await (await routerOf(new FakeEngine(script))(chat(fields))).json()) as Answer
const chunksTo = async (script: Script, fields: object): Promise<Chunk[]> => {
  const events = await eventsOf(await routerOf(new FakeEngine(script))(chat({ ...fields, stream: true })))
  expect(events.at(-1)).toBe('[DONE]')
  return events.slice(0, -1) as Chunk[]
}

/** Two continuations, their deltas mixed; the first holds its first token's text back. */
const two: Script = (run) => {
  const said = (index: number, text: string, ids: string, end = {}): void =>
    run.post(
      deltaEvent(text, {
        index,
        token_ids: [...ids].map((char) => char.charCodeAt(0)),
        logprobs: run.request.sampling.logprobs === undefined ? null : [...ids].map((char) => logprobsOf(char)),
        ...end,
      }),
    )
  run.post(promptEvent(5, { num_cached_tokens: 2 }))
  said(0, '', 'a')
  said(1, 'x', 'x')
  said(0, 'ab', 'b')
  said(1, 'yz', 'yz', { finish_reason: 'length' })
  said(0, 'c', 'cd', { finish_reason: 'stop', stop_reason: 'd' })
  run.post(doneEvent(5, 7))
}

describe('an answer', () => {
  it('has every key that clients ask for', async () => {
    const { choices, usage } = await answerTo(two, { n: 2 })
    expect(choices).toEqual([
      { index: 0, message: { role: 'assistant', content: 'abc', refusal: null }, logprobs: null, finish_reason: 'stop', stop_reason: 'd' },
      {
        index: 1,
        message: { role: 'assistant', content: 'xyz', refusal: null },
        logprobs: null,
        finish_reason: 'length',
        stop_reason: null,
      },
    ])
    expect(usage).toEqual({ prompt_tokens: 5, completion_tokens: 7, total_tokens: 12, prompt_tokens_details: { cached_tokens: 2 } })
  })

  it('has log-probabilities of every token, and no infinities', async () => {
    const { choices } = await answerTo(two, { n: 2, logprobs: true, top_logprobs: 2 })
    const content = choices[0]?.logprobs?.content ?? []
    expect(content.map(({ token }) => token).join('')).toBe('abcd')
    expect(content[0]).toEqual({
      token: 'a',
      logprob: -0.25,
      bytes: [97],
      top_logprobs: [
        { token: 'a', logprob: -0.25, bytes: [97] },
        { token: '?', logprob: -9999, bytes: [63] },
      ],
    })
    expect((await answerTo(two, { n: 2, logprobs: true })).choices[1]?.logprobs?.content[2]).toEqual({
      token: 'z',
      logprob: -0.25,
      bytes: [122],
      top_logprobs: [],
    })
  })

  it('has token ids when they are asked for', async () => {
    const answer = await answerTo(two, { n: 2, return_token_ids: true, logprobs: true, return_tokens_as_token_ids: true })
    expect(answer.prompt_token_ids).toEqual([80, 80, 80, 80, 80])
    expect(answer.choices[1]?.token_ids).toEqual([120, 121, 122])
    expect(answer.choices[1]?.logprobs?.content.map(({ token }) => token)).toEqual(['token_id:120', 'token_id:121', 'token_id:122'])
  })

  it("has the prompt's log-probabilities by token id", async () => {
    const { prompt_logprobs } = await answerTo(
      (run) => {
        run.post(promptEvent(2, { prompt_logprobs: [null, logprobsOf('P')] }))
        run.post(deltaEvent('a', { finish_reason: 'stop' }))
        run.post(doneEvent(2, 1))
      },
      { prompt_logprobs: 2 },
    )
    expect(prompt_logprobs).toEqual([
      null,
      { '80': { logprob: -0.25, rank: 1, decoded_token: 'P' }, '63': { logprob: -9999, rank: 2, decoded_token: '?' } },
    ])
  })

  it('repeats the last message with echo if it goes on with it', async () => {
    const messages = [user('Hi'), { role: 'assistant', content: [{ type: 'text', text: 'He' }] }]
    const fields = { messages, echo: true, continue_final_message: true, n: 2 }
    expect((await answerTo(two, fields)).choices[0]?.message.content).toBe('Heabc')
    expect((await answerTo(two, { ...fields, messages: [user('Hi')], continue_final_message: false })).choices[0]?.message.content).toBe(
      'abc',
    )
  })
})

/** What the chunks of one choice come to. */
function joined(
  chunks: readonly Chunk[],
  index: number,
): { content: string; tokens: string; ids: number[]; ends: string[]; roles: string[] } {
  const own = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
  return {
    content: own.map(({ delta }) => delta.content ?? '').join(''),
    tokens: own.flatMap(({ logprobs }) => logprobs?.content.map(({ token }) => token) ?? []).join(''),
    ids: own.flatMap(({ token_ids }) => token_ids ?? []),
    ends: own.flatMap(({ finish_reason }) => finish_reason ?? []),
    roles: own.flatMap(({ delta }) => delta.role ?? []),
  }
}

describe('a stream', () => {
  it('says what the whole answer says, with one role and one finish_reason for each choice', async () => {
    const fields = { n: 2, logprobs: true, top_logprobs: 2, return_token_ids: true }
    const { choices } = await answerTo(two, fields)
    const chunks = await chunksTo(two, fields)
    for (const { index, message, logprobs, token_ids, finish_reason } of choices)
      expect(joined(chunks, index)).toEqual({
        content: message.content,
        tokens: logprobs?.content.map(({ token }) => token).join(''),
        ids: token_ids,
        ends: [finish_reason],
        roles: ['assistant'],
      })
  })

  it('begins with the role and ends with an empty delta', async () => {
    const chunks = await chunksTo(two, { n: 2 })
    expect(chunks.slice(0, 2).map(({ choices }) => choices[0])).toEqual(
      [0, 1].map((index) => ({ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null })),
    )
    expect(chunks.at(-1)?.choices).toEqual([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop', stop_reason: 'd' }])
    expect(new Set(chunks.map(({ id, created, model, object }) => `${id} ${created} ${model} ${object}`)).size).toBe(1)
    expect(chunks[0]?.object).toBe('chat.completion.chunk')
    expect(chunks.some((chunk) => 'usage' in chunk)).toBe(false)
  })

  it('ends with its usage when that is asked for, and says null before', async () => {
    const chunks = await chunksTo(two, { n: 2, stream_options: { include_usage: true } })
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: (await answerTo(two, { n: 2 })).usage })
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true)
  })

  it('counts as it goes with continuous_usage_stats', async () => {
    const chunks = await chunksTo(two, { n: 2, stream_options: { include_usage: true, continuous_usage_stats: true } })
    const first = chunks.filter(({ choices }) => choices[0]?.index === 0)
    expect(first.map(({ usage }) => usage)).toEqual(
      [0, 2, 4, 4].map((written) => ({ prompt_tokens: 5, completion_tokens: written, total_tokens: 5 + written })),
    )
  })

  it("has the prompt's token ids in its first chunks only", async () => {
    const chunks = await chunksTo(two, { return_token_ids: true })
    expect(chunks.map(({ prompt_token_ids }) => prompt_token_ids?.length)).toEqual([5, ...chunks.slice(1).map(() => undefined)])
  })
})

describe('tool calls', () => {
  const text = 'Let me look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
  /** In pieces of seven characters. */
  const calls: Script = (run) => {
    run.post(promptEvent(5))
    const pieces = text.match(/[\s\S]{1,7}/g) ?? []
    for (const [i, piece] of pieces.entries()) run.post(deltaEvent(piece, i === pieces.length - 1 ? { finish_reason: 'stop' } : {}))
    run.post(doneEvent(5, text.length))
  }

  it('are taken out of the text, and are the reason of the end', async () => {
    const [choice] = (await answerTo(calls, { tools: [weather] })).choices
    expect(choice?.finish_reason).toBe('tool_calls')
    expect(choice?.message.content).toBe('Let me look.\n')
    expect(choice?.message.tool_calls).toMatchObject([{ type: 'function', function: { name: 'weather' } }])
    expect(JSON.parse(choice?.message.tool_calls?.[0]?.function.arguments ?? '')).toEqual({ city: 'Rome' })
  })

  it('are streamed to the same', async () => {
    const [choice] = (await answerTo(calls, { tools: [weather] })).choices
    const chunks = await chunksTo(calls, { tools: [weather] })
    const deltas = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
    expect(deltas.filter(({ id }) => id !== undefined)).toHaveLength(1)
    expect(deltas.map((delta) => delta.function.arguments ?? '').join('')).toBe(choice?.message.tool_calls?.[0]?.function.arguments)
    expect(joined(chunks, 0).content).toBe(choice?.message.content)
    expect(joined(chunks, 0).ends).toEqual(['tool_calls'])
  })

  it('that are forced leave no text, and a named one ends with stop', async () => {
    const args: Script = (run) => {
      run.post(promptEvent(5))
      run.post(deltaEvent('{"city": "Rome"}', { finish_reason: 'stop' }))
      run.post(doneEvent(5, 16))
    }
    const tool_choice = { type: 'function', function: { name: 'weather' } }
    const [choice] = (await answerTo(args, { tools: [weather], tool_choice })).choices
    expect([choice?.message.content, choice?.finish_reason]).toEqual([null, 'stop'])
    expect(choice?.message.tool_calls).toMatchObject([{ function: { name: 'weather', arguments: '{"city": "Rome"}' } }])
  })

  it('that stay unfinished end by length', async () => {
    const cut: Script = (run) => {
      run.post(promptEvent(5))
      run.post(deltaEvent(text.slice(0, -25), { finish_reason: 'length' }))
      run.post(doneEvent(5, 10))
    }
    expect((await answerTo(cut, { tools: [weather] })).choices[0]?.finish_reason).toBe('length')
  })
})
