import { mediaError, messageOf } from '../util/errors.ts'

const TRIES = 10
/** Milliseconds between tries. */
const PAUSE = 50

/**
 * The frame that a video element shows, taken at once if it shows one. An element that has just loaded has data before it has a picture; then
 * this waits, half a second at most. Errors: MediaError for an element that shows nothing, or pictures of another origin.
 */
export async function currentFrame(video: HTMLVideoElement, at: string): Promise<VideoFrame> {
  for (let tries = 1; ; tries++) {
    try {
      return new VideoFrame(video)
    } catch (error) {
      const { name } = error as Error
      if (name === 'SecurityError') throw mediaError(otherOrigin(at, messageOf(error)), error)
      if (name !== 'InvalidStateError' || tries === TRIES)
        throw mediaError(`${at}: the video element shows no picture (${messageOf(error)}).`, error)
    }
    if (tries === 1) paint(video)
    await new Promise((resolve) => setTimeout(resolve, PAUSE))
  }
}

/** A file that stands still and is not on screen is only decoded when it is sought; this seeks to where it stands. */
function paint(video: HTMLVideoElement): void {
  if (!video.paused || video.srcObject) return
  const { currentTime } = video
  video.currentTime = currentTime
}

/** What to tell someone whose picture is of another origin. */
export const otherOrigin = (at: string, reason: string): string =>
  `${at} cannot be read (${reason}). If its pixels come from another origin, load them with crossorigin="anonymous" from a host that sends Access-Control-Allow-Origin.`
