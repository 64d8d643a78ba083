import { describe, expect, it } from 'vitest'
import { errorAnswer } from '../../../src/server/errors.ts'
import { abortError, type ErrorCode, type ErrorName, namedError } from '../../../src/util/errors.ts'
import { deltaEvent, FakeEngine, promptEvent } from './fake-engine.ts'
import { chat, eventsOf, routerOf } from './requests.ts'

type Row = [name: ErrorName | 'TypeError', code: ErrorCode | undefined, status: number, type: string, wire: string | null, headers: object]

const request = 'invalid_request_error'
const hopeless = { 'x-should-retry': 'false' }
const soon = { 'retry-after': '1' }

const rows: Row[] = [
  ['InvalidRequestError', undefined, 400, request, null, {}],
  ['InvalidRequestError', 'too_many_images', 400, request, 'too_many_images', {}],
  ['InvalidRequestError', 'too_many_videos', 400, request, 'too_many_videos', {}],
  ['ContextLengthError', undefined, 400, request, 'context_length_exceeded', {}],
  ['MediaError', undefined, 400, request, 'invalid_image', {}],
  ['MediaError', 'invalid_audio', 400, request, 'invalid_audio', {}],
  ['MediaError', 'unsupported_url_scheme', 400, request, 'unsupported_url_scheme', {}],
  ['MediaError', 'media_too_large', 413, request, 'media_too_large', {}],
  ['MediaError', 'media_fetch_failed', 422, request, 'media_fetch_failed', {}],
  ['MediaError', 'media_timeout', 504, 'server_error', 'media_timeout', {}],
  ['QueueFullError', undefined, 429, 'rate_limit_error', 'queue_full', { ...soon, 'retry-after-ms': '1000' }],
  ['InvalidLogitsError', undefined, 500, 'server_error', 'nan_logits', hopeless],
  ['OutOfMemoryError', undefined, 503, 'server_error', 'out_of_memory', hopeless],
  ['DeviceLostError', undefined, 503, 'server_error', 'device_lost', soon],
  ['AbortError', undefined, 503, 'server_error', 'engine_gone', soon],
  ['ModelLoadError', undefined, 503, 'server_error', 'engine_not_ready', hopeless],
  ['WebGPUUnavailableError', undefined, 503, 'server_error', 'engine_not_ready', hopeless],
  ['TypeError', undefined, 500, 'server_error', 'internal_error', hopeless],
]

const errorOf = ([name, code]: Row): Error => {
  const error = namedError(name as ErrorName, 'It went wrong.')
  return code === undefined ? error : Object.assign(error, { code })
}

for (const row of rows) {
  const [name, code, status, type, wire, headers] = row
  const body = { error: { message: 'It went wrong.', type, param: null, code: wire } }

  describe(`${name}${code ? ` with ${code}` : ''}`, () => {
    for (const stream of [false, true])
      it(`refused ${stream ? 'in time for a stream' : ''} is ${status} ${wire}`, async () => {
        const engine = new FakeEngine(() => {
          throw errorOf(row)
        })
        const response = await routerOf(engine)(chat({ stream }))
        expect(response.status).toBe(status)
        expect(await response.json()).toEqual(body)
        const said = ['retry-after', 'retry-after-ms', 'x-should-retry'].filter((header) => response.headers.has(header))
        expect(Object.fromEntries(said.map((header) => [header, response.headers.get(header)]))).toEqual(headers)
      })

    it('on the way of a stream is an event before [DONE]', async () => {
      const engine = new FakeEngine((run) => {
        run.post(promptEvent(1))
        run.post(deltaEvent('Hel'))
        run.post({ type: 'error', name, message: 'It went wrong.', ...(code && { code }) })
      })
      const events = await eventsOf(await routerOf(engine)(chat({ stream: true })))
      expect(events).toHaveLength(4)
      expect(events.slice(2)).toEqual([body, '[DONE]'])
    })

    it(`on the way of a whole answer is ${status}`, async () => {
      const engine = new FakeEngine((run) => {
        run.post(deltaEvent('Hel'))
        run.post({ type: 'error', name, message: 'It went wrong.', ...(code && { code }) })
      })
      const response = await routerOf(engine)(chat())
      expect([response.status, await response.json()]).toEqual([status, body])
    })
  })
}

describe('the field to blame', () => {
  const paramOf = (message: string, body: Record<string, unknown>): string | null =>
    errorAnswer(namedError('InvalidRequestError', message), body).body.error.param

  const cases: [message: string, body: Record<string, unknown>, param: string | null][] = [
    ['temperature must be non-negative, got -1.', { temperature: -1 }, 'temperature'],
    ['logit_bias[5] must be a number from -100 to 100, got null.', { logit_bias: {} }, 'logit_bias[5]'],
    ['stop cannot contain an empty string.', { stop: [''] }, 'stop'],
    ['max_tokens must be an integer of at least 1, got 0.', { max_completion_tokens: 0 }, 'max_completion_tokens'],
    ['structured_outputs.json has a $ref that leads nowhere.', { response_format: {} }, 'response_format'],
    ['prompt has 600 tokens but max_model_len is 512; shorten it', { messages: [] }, 'messages'],
    ['prompt_token_ids must be a list of ids from 0 to 63, got 64.', { prompt: [64] }, 'prompt'],
    ['The prompt is empty; give at least one token of text.', { prompt: '' }, null],
    ['constructor must not be taken for a field.', {}, null],
  ]
  for (const [message, body, param] of cases)
    it(`of "${message}" is ${param}`, () => {
      expect(paramOf(message, body)).toBe(param)
    })

  it('is said in an answer', async () => {
    const engine = new FakeEngine(() => {
      throw namedError('InvalidRequestError', 'top_p must be in (0, 1], got 2.')
    })
    const { error } = (await (await routerOf(engine)(chat({ top_p: 2 }))).json()) as { error: { param: string } }
    expect(error.param).toBe('top_p')
  })
})

it('what is no error is said all the same', () => {
  expect(errorAnswer('plain text').body.error).toEqual({ message: 'plain text', type: 'server_error', param: null, code: 'internal_error' })
  expect(errorAnswer(new DOMException('Stopped.', 'AbortError')).body.error.code).toBe('engine_gone')
  expect(errorAnswer(abortError()).status).toBe(503)
})
