import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LLM } from '../../src/index.ts'
import { expectHealthy, openGolden, unhandledRejections } from '../support/golden-model.ts'

const unhandled = unhandledRejections()

interface Answer {
  choices: { message: { content: string }; finish_reason: string }[]
  error?: { message: string; type: string; code: string | null; param: string | null }
}

let llm: LLM
beforeAll(async () => {
  llm = await openGolden({ max_model_len: 512, seed: 3 })
})
afterAll(() => llm.dispose())

async function ask(fields: object): Promise<[status: number, answer: Answer]> {
  const response = await llm.fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], max_tokens: 60, ...fields }),
  })
  return [response.status, (await response.json()) as Answer]
}

const schema = (json: unknown): object => ({ response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: json } } })
const regex = (pattern: string): object => ({ structured_outputs: { regex: pattern } })

const tree = { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'], additionalProperties: false }
const nested = (depth: number): object => (depth === 0 ? { type: 'null' } : { type: 'array', items: nested(depth - 1) })

const refused: [what: string, fields: object, message: RegExp][] = [
  ['a reference to nothing', schema({ $ref: '#/$defs/nowhere' }), /nowhere/],
  ['a reference to elsewhere', schema({ $ref: 'https://example.org/schema.json' }), /example\.org/],
  ['a reference to itself', schema({ $ref: '#' }), /./],
  ['references in a circle', schema({ $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } }), /./],
  ['an object that must hold itself for ever', schema(tree), /./],
  ['a type of no known name', schema({ type: 'strange' }), /strange/],
  ['a schema that nothing fits', schema({ type: 'string', minLength: 3, maxLength: 2 }), /./],
  ['a thousand levels', schema(nested(1000)), /deep/],
  ['a pattern that does not parse', regex('(a'), /./],
  ['a pattern that looks back', regex('(?<=a)b'), /./],
  ['a reference back', regex('(a)\\1'), /./],
  ['counts of counts', regex('((a{1,999}){1,999}){1,999}'), /complex|large|many/],
  ['a pattern whose states double', regex(`[ab]*a${'[ab]'.repeat(30)}`), /complex|large|many/],
]

describe('an answer of a form that cannot be kept', () => {
  for (const [what, fields, message] of refused) {
    it(`is refused, and the next request works: ${what}`, async () => {
      const [status, { error }] = await ask(fields)
      expect([status, error?.type, error?.code]).toEqual([400, 'invalid_request_error', null])
      expect(error?.message).toMatch(message)
      const [next, { choices }] = await ask({ structured_outputs: { choice: ['fine'] } })
      expect([next, choices[0]?.message.content]).toEqual([200, 'fine'])
    })
  }
})

describe('an answer of a form that is hard to keep', () => {
  it('is given: patterns that backtracking would never come to the end of', async () => {
    for (const pattern of ['(a+)+b', '(a|aa)+c', '(a|a)*d', '([a-z]+)*!']) {
      const [status, { choices }] = await ask({ ...regex(pattern), temperature: 1, seed: 5 })
      expect(status).toBe(200)
      const { message, finish_reason } = choices[0] ?? {}
      if (finish_reason === 'stop') expect(message?.content).toMatch(new RegExp(`^(?:${pattern})$`))
      else expect(message?.content).toMatch(/^[a-z]+$/)
    }
  })

  it('is given: schemas that contain themselves', async () => {
    const list = {
      type: 'object',
      properties: { next: { anyOf: [{ type: 'null' }, { $ref: '#' }] } },
      required: ['next'],
      additionalProperties: false,
    }
    let ended = 0
    for (let seed = 0; seed < 6; seed++) {
      const [status, { choices }] = await ask({ ...schema(list), temperature: 1, seed, max_tokens: 200 })
      expect(status).toBe(200)
      if (choices[0]?.finish_reason !== 'stop') continue
      ended++
      let rest: { next: unknown } | null = JSON.parse(choices[0].message.content)
      while (rest !== null) {
        expect(Object.keys(rest)).toEqual(['next'])
        rest = rest.next as typeof rest
      }
    }
    expect(ended).toBeGreaterThan(0)
  })

  it('leaves the engine as it was', async () => {
    await expectHealthy(llm)
    expect(unhandled).toEqual([])
  })
})
