import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'

/** Which frames of a clip are taken. */
export interface FrameSampling {
  /** Most frames, spread evenly over the clip; undefined: all of them. */
  readonly frames: number | undefined
  /** Most frames for each second of the clip; undefined: any. */
  readonly fps: number | undefined
}

/** Frames of a clip where nothing else was asked for: vLLM's default. */
const DEFAULT_FRAMES = 32
/** Most frames that a clip may give, however it was asked for. */
export const MAX_FRAMES = 768

/**
 * Reads media_io_kwargs.video: `num_frames` (default 32, -1 for all) and `fps` (default -1, for any); other keys are ignored. With both,
 * the fewer frames are taken. Errors: InvalidRequestError naming the key, what it is and what it may be. Source: vLLM, VideoMediaIO.
 */
export function readFrameSampling(given: Readonly<Record<string, unknown>> = {}): FrameSampling {
  const frames = given['num_frames'] ?? DEFAULT_FRAMES
  const fps = given['fps'] ?? -1
  if (typeof frames !== 'number' || !Number.isInteger(frames) || frames < -1 || frames === 0 || frames > MAX_FRAMES) {
    throw invalidRequestError(
      `media_io_kwargs.video.num_frames must be a whole number from 1 to ${MAX_FRAMES}, or -1 for all frames, got ${showValue(frames)}.`,
    )
  }
  if (typeof fps !== 'number' || !(fps > 0 || fps === -1)) {
    throw invalidRequestError(`media_io_kwargs.video.fps must be a number above 0, or -1 for every rate, got ${showValue(fps)}.`)
  }
  return { frames: frames === -1 ? undefined : frames, fps: fps === -1 ? undefined : fps }
}

/**
 * The places of the frames to take among a clip's `total` frames (at least 1), ascending: evenly spread, the first and the last among
 * them, rounded down; a single one is the first. seconds: the clip's length. Source: vLLM's OpenCV reader, numpy's linspace.
 */
export function sampleIndices(total: number, seconds: number, { frames, fps }: FrameSampling): number[] {
  // Times in files are rounded: 2 s may come as 1.9999999.
  const byRate = fps === undefined ? total : Math.floor(seconds * fps + 1e-6)
  const count = Math.max(1, Math.min(total, frames ?? total, byRate))
  const step = count > 1 ? (total - 1) / (count - 1) : 0
  return Array.from({ length: count }, (_, i) => (i > 0 && i === count - 1 ? total - 1 : Math.floor(i * step)))
}
