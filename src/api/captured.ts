import { abortError } from '../util/errors.ts'

/** Something ready to be posted to the worker, and what of it is to be transferred rather than copied. */
export interface Captured<T> {
  wire: T
  transfer: Transferable[]
}

/** The kind of a platform object ('ImageBitmap', 'File', …) by its tag, which also works across frames and where the class is unknown. */
export const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1)

/**
 * Awaits all captures; if one fails, closes the bitmaps and frames of the others and throws the first error. The captures have begun
 * when this is called, so that later changes to a canvas do not show.
 */
export async function allCaptured<T>(captures: readonly Promise<Captured<T>>[]): Promise<Captured<T[]>> {
  const settled = await Promise.allSettled(captures)
  const done = settled.filter((result) => result.status === 'fulfilled').map(({ value }) => value)
  const transfer = done.flatMap((capture) => capture.transfer)
  const failed = settled.find((result) => result.status === 'rejected')
  if (failed) {
    release(transfer)
    throw failed.reason
  }
  return { wire: done.map(({ wire }) => wire), transfer }
}

/** Closes what holds pixels outside of the JavaScript heap. */
export function release(transfer: readonly Transferable[]): void {
  for (const item of transfer) if ('close' in item && (tagOf(item) === 'ImageBitmap' || tagOf(item) === 'VideoFrame')) item.close()
}

/** Errors: AbortError once the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError()
}

/** A value of the wrong kind, in a few words. */
export function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'number') return String(value)
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  const tag = tagOf(value)
  if (tag === 'Object') return `an object with ${Object.keys(value).slice(0, 5).join(', ') || 'no keys'}`
  return tag === 'Array' ? `a list of ${(value as unknown[]).length}` : `${/^[AEIOU]/.test(tag) ? 'an' : 'a'} ${tag}`
}
