import type { EngineRequest, ModelInfo, TokenizeInput } from '../protocol/engine-api.ts'
import { type ErrorName, messageOf, namedError } from '../util/errors.ts'

/** Asks the pages of a scope who hosts its engine. Only the host answers, with a HostAnswer on the port that comes along. */
export interface FindMessage {
  ocellus: 'find'
  scope: string
}

/** How it stands with the engine of the page that hosts. */
export type HostAnswer =
  /** lock: name of the Web Lock that the engine's worker holds for as long as it lives; it stands for this very engine. */
  { state: 'ready'; info: ModelInfo; created: number; lock: string } | { state: 'loading' } | { state: 'failed'; error: WireError }

/** A call of the host's engine, told by its lock. The answer is a CallAnswer on the first port; the second is a request's event port. */
export interface CallMessage {
  ocellus: 'call'
  scope: string
  lock: string
  call: EngineCall
}

/** What can be asked of an engine through its page. */
export type EngineCall =
  | { method: 'submit'; request: EngineRequest }
  | { method: 'tokenize'; input: TokenizeInput }
  | { method: 'detokenize'; ids: number[] }

export type CallAnswer = { value: unknown } | { error: WireError }

/**
 * What a service worker of ours is told. `claim`: a page is not controlled; `status`: answer with a WorkerStatus; `successor`: a new version
 * waits; `take-over`: the old version has no open answers.
 */
export interface WorkerMessage {
  ocellus: 'claim' | 'status' | 'successor' | 'take-over'
}

/** How a service worker does. */
export interface WorkerStatus {
  /** When this run of it began, in milliseconds of Unix time. */
  started: number
  /** Answers that are still being sent. */
  open: number
}

/** An error as it crosses from one realm to another. */
export interface WireError {
  name: string
  message: string
  code?: string
}

/** What of a thrown value crosses. */
export function toWire(thrown: unknown): WireError {
  const { name, code } = thrown instanceof Error ? (thrown as Error & { code?: unknown }) : { name: 'Error', code: undefined }
  return { name, message: messageOf(thrown), ...(typeof code === 'string' && { code }) }
}

/** The error that crossed. */
export function fromWire({ name, message, code }: WireError): Error {
  const error = namedError(name as ErrorName, message)
  return code === undefined ? error : Object.assign(error, { code })
}

/** The Web Lock that the page hosting a scope's engine holds. */
export const hostLock = (scope: string): string => `ocellus-host ${scope}`
