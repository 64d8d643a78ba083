import type { RgbImage } from '../media/rgb-image.ts'
import { invalidRequestError } from '../util/errors.ts'

/** The size that all frames of a clip have. Errors: InvalidRequestError for no frames, and for sizes that differ. */
export function frameSize(frames: readonly RgbImage[]): { width: number; height: number } {
  const first = frames[0]
  if (!first) throw invalidRequestError('multi_modal_data.video has no frames; give at least one.')
  const { width, height } = first
  const odd = frames.find((frame) => frame.width !== width || frame.height !== height)
  if (odd) throw invalidRequestError(`The frames of a video must be of one size; got ${width}×${height} and ${odd.width}×${odd.height}.`)
  return { width, height }
}
