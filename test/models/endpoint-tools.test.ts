import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LLM } from '../../src/index.ts'
import { expectHealthy, openGolden, unhandledRejections } from '../support/golden-model.ts'
import { hermesTemplate } from '../support/tool-template.ts'

const unhandled = unhandledRejections()

const toolOf = (name: string, properties: object) => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties, required: Object.keys(properties), additionalProperties: false } },
})
const place = toolOf('place', { piece: { enum: ['king', 'pawn'] }, at: { $ref: '#/$defs/field' } })
Object.assign(place.function.parameters, { $defs: { field: { type: 'integer', minimum: 1, maximum: 64 } } })
const wait = { type: 'function', function: { name: 'wait' } }

interface Message {
  content: string | null
  tool_calls?: { id: string; type: string; function: { name: string; arguments: string } }[]
}
interface Answer {
  choices: { message: Message; finish_reason: string }[]
  error?: { message: string; code: string | null; param: string | null }
}

let llm: LLM
beforeAll(async () => {
  llm = await openGolden({ max_model_len: 1024, seed: 3 })
})
afterAll(() => llm.dispose())

const post = (fields: object): Promise<Response> =>
  llm.fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      messages: [{ role: 'user', content: 'Your move.' }],
      chat_template: hermesTemplate,
      tools: [place, wait],
      max_tokens: 200,
      ...fields,
    }),
  })

const ask = async (fields: object): Promise<[status: number, answer: Answer]> => {
  const response = await post(fields)
  return [response.status, (await response.json()) as Answer]
}

/** The calls of an answer, each checked against the tools. */
function checkedCalls({ choices }: Answer): string[] {
  return choices.flatMap(({ message }) => {
    const calls = message.tool_calls ?? []
    expect(calls.length).toBeGreaterThan(0)
    expect(message.content).toBe(null)
    return calls.map(({ type, function: { name, arguments: json } }) => {
      expect(type).toBe('function')
      const given = JSON.parse(json)
      expect(Object.keys(given).sort()).toEqual(name === 'place' ? ['at', 'piece'] : [])
      if (name !== 'place') return name
      expect(['king', 'pawn']).toContain(given.piece)
      expect(Number.isInteger(given.at) && given.at >= 1 && given.at <= 64).toBe(true)
      return name
    })
  })
}

describe('a model that knows nothing of tools', () => {
  for (const temperature of [0, 1, 3]) {
    it(`calls a named tool with arguments of its schema, at temperature ${temperature}`, async () => {
      const named = { tool_choice: { type: 'function', function: { name: 'place' } }, temperature, n: temperature === 0 ? 1 : 3 }
      const [status, answer] = await ask(named)
      expect(status).toBe(200)
      expect(checkedCalls(answer)).toEqual(answer.choices.map(() => 'place'))
      expect(answer.choices.every(({ finish_reason }) => finish_reason === 'stop')).toBe(true)
    })

    it(`makes one call when one is required, at temperature ${temperature}`, async () => {
      const required = { tool_choice: 'required', parallel_tool_calls: false, temperature, n: temperature === 0 ? 1 : 3 }
      const [status, answer] = await ask(required)
      expect(status).toBe(200)
      const names = checkedCalls(answer)
      expect(names.length).toBe(answer.choices.length)
      expect(names.every((name) => name === 'place' || name === 'wait')).toBe(true)
      expect(answer.choices.every(({ finish_reason }) => finish_reason === 'tool_calls')).toBe(true)
    })
  }

  it('streams the same call', async () => {
    const required = { tool_choice: 'required', parallel_tool_calls: false, temperature: 1, seed: 8 }
    const [, answer] = await ask(required)
    const text = await (await post({ ...required, stream: true })).text()
    const chunks = text.split('\n\n').filter((line) => line.startsWith('data: {'))
    const deltas = chunks.flatMap((line) => JSON.parse(line.slice(6)).choices.flatMap((choice: { delta: object }) => choice.delta))
    const calls: { function: { name?: string; arguments: string } }[] = deltas.flatMap((delta) => delta.tool_calls ?? [])
    const whole = answer.choices[0]?.message.tool_calls?.[0]?.function
    expect(calls[0]?.function.name).toBe(whole?.name)
    expect(calls.map((call) => call.function.arguments).join('')).toBe(whole?.arguments)
    expect(deltas.map((delta) => delta.content ?? '').join('')).toBe('')
  })

  it('is refused tools that its own template does not take, and schemas that cannot be kept', async () => {
    const lost = toolOf('place', { at: { $ref: '#/$defs/nowhere' } })
    const [[own, template], [bad, schema]] = await Promise.all([
      ask({ chat_template: null }),
      ask({ tools: [lost], tool_choice: { type: 'function', function: { name: 'place' } } }),
    ])
    expect([own, template.error?.param]).toEqual([400, 'tools'])
    expect([bad, schema.error?.message]).toEqual([400, expect.stringContaining('nowhere')])
    await expectHealthy(llm)
  })

  it('leaves no promise rejected and unheard', () => {
    expect(unhandled).toEqual([])
  })
})
