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
  | 'AbortError'

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
export const abortError = (message = 'The request was aborted.'): Error => namedError('AbortError', message)

/** The message of anything that was thrown. */
export const messageOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown))
