import { type FrameSampling, readFrameSampling } from '../media/video-sampling.ts'
import type { EngineRequest } from '../protocol/engine-api.ts'
import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import { MEDIA_KINDS } from './media-limits.ts'

/** media_io_kwargs: how files are read, by modality. */
export type MediaReading = NonNullable<EngineRequest['media_io_kwargs']>

/**
 * Checks media_io_kwargs: `video.num_frames` and `video.fps` mean something, other keys are ignored. Nothing is as good as {}.
 * Errors: InvalidRequestError naming the key, what it is and what it may be.
 */
export function checkReading(given: unknown): MediaReading {
  if (given == null) return {}
  if (!isRecord(given)) throw invalidRequestError(`media_io_kwargs must be an object such as { video: {} }, got ${showValue(given)}.`)
  for (const kind of MEDIA_KINDS) {
    const value = given[kind]
    if (value != null && !isRecord(value)) throw invalidRequestError(`media_io_kwargs.${kind} must be an object, got ${showValue(value)}.`)
  }
  readFrameSampling((given as MediaReading).video ?? {})
  return given as MediaReading
}

/** Which frames of clips are taken: by the engine's media_io_kwargs, key by key overridden by the request's. Errors: as checkReading. */
export const samplingOf = (engine: MediaReading, request: unknown): FrameSampling =>
  readFrameSampling({ ...engine.video, ...checkReading(request).video })

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
