/**
 * The names an Ocellus error can have. Across threads only name, message and stack of an error survive, so errors are told apart
 * by name, not by class.
 */
export type ErrorName =
  | 'WebGPUUnavailableError'
  | 'ModelLoadError'
  | 'InvalidRequestError'
  | 'ContextLengthError'
  | 'DeviceLostError'
  | 'MediaError'
  | 'QueueFullError'
  | 'OutOfMemoryError'
  | 'InvalidLogitsError'
  | 'EngineNotReadyError'
  | 'ServiceWorkerUnavailableError'
  | 'AbortError'

/**
 * What some errors are beside their name: a field `code` of the error, as OpenAI's error object has it. Errors without one are told by
 * their name.
 */
export type ErrorCode =
  | 'invalid_image'
  | 'invalid_audio'
  | 'invalid_video'
  | 'unsupported_url_scheme'
  | 'media_too_large'
  | 'media_fetch_failed'
  | 'media_timeout'
  | 'too_many_images'
  | 'too_many_videos'
  | 'too_many_audios'

/** An Error with one of our names. `cause` is kept for logs of the thread that made it. */
export function namedError(name: ErrorName, message: string, cause?: unknown): Error {
  const error = cause === undefined ? new Error(message) : new Error(message, { cause })
  error.name = name
  return error
}

export const modelLoadError = (message: string, cause?: unknown): Error => namedError('ModelLoadError', message, cause)
export const invalidRequestError = (message: string): Error => namedError('InvalidRequestError', message)
export const contextLengthError = (message: string): Error => namedError('ContextLengthError', message)
export const mediaError = (message: string, cause?: unknown): Error => namedError('MediaError', message, cause)
export const webGPUUnavailableError = (message: string): Error => namedError('WebGPUUnavailableError', message)
export const deviceLostError = (message: string): Error => namedError('DeviceLostError', message)
export const queueFullError = (message: string): Error => namedError('QueueFullError', message)
export const outOfMemoryError = (message: string): Error => namedError('OutOfMemoryError', message)
export const invalidLogitsError = (message: string): Error => namedError('InvalidLogitsError', message)
/** No engine answers yet; a later try may find one. */
export const engineNotReadyError = (message: string): Error => namedError('EngineNotReadyError', message)
/** No service worker can answer for this page. */
export const serviceWorkerUnavailableError = (message: string, cause?: unknown): Error =>
  namedError('ServiceWorkerUnavailableError', message, cause)
export const abortError = (message = 'The request was aborted.'): Error => namedError('AbortError', message)

/** The error with a code. */
export const withCode = (error: Error, code: ErrorCode): Error & { code: ErrorCode } => Object.assign(error, { code })

/** The message of anything that was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))
