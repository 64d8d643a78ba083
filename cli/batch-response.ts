import { randomUUID } from 'node:crypto'
import { errorAnswer, type OpenAIError } from '../src/server/errors.ts'

/** A line of the output file, as vLLM and OpenAI write it. */
export interface BatchResult {
  id: string
  custom_id: string | null
  response: { status_code: number; request_id: string; body: unknown }
  /** The body's error once more, null where there is none. */
  error: OpenAIError | null
}

/** The line of a request that the router has answered, well or not. */
export function answeredLine(custom_id: string | null, status_code: number, request_id: string | undefined, body: unknown): BatchResult {
  const error = status_code < 400 ? null : ((body as { error?: OpenAIError }).error ?? null)
  return {
    id: `batch_req_${hex()}`,
    custom_id,
    response: { status_code, request_id: request_id ?? `req_${hex()}`, body },
    error,
  }
}

/** The line of a request that could not be handed to the router. */
export function failedLine(custom_id: string | null, thrown: unknown): BatchResult {
  const { status, body } = errorAnswer(thrown)
  return answeredLine(custom_id, status, undefined, body)
}

const hex = (): string => randomUUID().replaceAll('-', '')
