import { invalidRequest } from './named-errors.ts'

/** A line of a batch file: a request for the router. */
export interface BatchLine {
  custom_id: string
  url: string
  body: Record<string, unknown>
}

/** Routes that a line may name. */
const routes = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/tokenize', '/detokenize']

/** Reads a line: JSON with custom_id, method POST, url and body. What is in the body is the router's to judge. Errors: InvalidRequestError. */
export function readBatchLine(text: string): BatchLine {
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch (error) {
    throw invalidRequest(`The line is not JSON: ${(error as Error).message}.`)
  }
  if (!isObject(line)) throw invalidRequest('The line is not a JSON object.')
  const { custom_id, method = 'POST', url, body } = line
  if (typeof custom_id !== 'string') throw wrong('custom_id', custom_id, 'it must be a string')
  if (method !== 'POST') throw wrong('method', method, 'it must be POST')
  if (typeof url !== 'string' || !routes.includes(url)) throw wrong('url', url, `it must be one of ${routes.join(', ')}`)
  if (!isObject(body)) throw wrong('body', body, 'it must be the object of a request')
  if (body['stream']) throw wrong('stream', body['stream'], 'a batch has nobody to stream to; leave it out')
  return { custom_id, url, body }
}

/** custom_id of a line that may be wrong in every other way. */
export function customIdOf(text: string): string | null {
  try {
    const line: unknown = JSON.parse(text)
    return isObject(line) && typeof line['custom_id'] === 'string' ? line['custom_id'] : null
  } catch {
    return null
  }
}

const wrong = (param: string, value: unknown, rule: string): Error => {
  const shown = (JSON.stringify(value) ?? 'missing').slice(0, 80)
  return invalidRequest(`${param} is ${shown}; ${rule}.`, { param })
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
