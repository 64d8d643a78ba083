import { type ErrorDetails, refusal } from '../src/server/errors.ts'

/** A request's own fault, as the library names it. */
export const invalidRequest: (message: string, details?: ErrorDetails) => Error = refusal

/** Media that cannot be had, as the library names it; the code says why. */
export const mediaFailure = (message: string, code: 'media_fetch_failed' | 'media_timeout' | 'media_too_large'): Error =>
  Object.assign(new Error(message), { name: 'MediaError', code })

/** The engine is not there any longer: page, browser or GPU have ended by themselves. */
export const engineGone = (message: string): Error =>
  Object.assign(new Error(message), { name: 'EngineGoneError', status: 503, code: 'engine_gone', headers: { 'retry-after': '1' } })

/** No engine answers now; one will in about so many seconds. */
export const engineNotReady = (message: string, seconds: number): Error =>
  refusal(message, { status: 503, code: 'engine_not_ready', headers: { 'retry-after': String(Math.max(1, seconds)) } })
