import { mediaError, withCode } from '../util/errors.ts'

/** Sound as samples from -1 to 1: one array per channel, all of one length, `rate` samples per second. */
export interface Sound {
  readonly channels: readonly Float32Array[]
  readonly rate: number
}

/** The longest sound that is taken, in seconds. */
export const MAX_SOUND_SECONDS = 600
/** Most bytes of a file's samples, all channels together, as float32. */
export const MAX_SOUND_BYTES = 2 ** 28

/**
 * Refuses sound that would take too much memory. frames: samples of one channel. Errors: MediaError (media_too_large) with what was found
 * and the limit.
 */
export function checkSoundSize(frames: number, channels: number, rate: number, name: string): void {
  const seconds = frames / rate
  if (seconds > MAX_SOUND_SECONDS) {
    const words = `${name} is ${Math.round(seconds)} s long; at most ${MAX_SOUND_SECONDS} s are taken. Cut it first.`
    throw withCode(mediaError(words), 'media_too_large')
  }
  const bytes = frames * channels * Float32Array.BYTES_PER_ELEMENT
  if (bytes <= MAX_SOUND_BYTES) return
  const found = `${name} is ${seconds.toFixed(1)} s of ${channels} channels at ${rate} Hz, ${Math.round(bytes)} bytes once decoded`
  const words = `${found}; at most ${MAX_SOUND_BYTES} are allowed. Mix it to one channel, lower its rate, or cut it first.`
  throw withCode(mediaError(words), 'media_too_large')
}

/** The mean of all channels, as Web Audio and librosa mix down; a single channel is handed on as it is. */
export function mixToMono({ channels }: Sound): Float32Array {
  const [first = new Float32Array(0), ...others] = channels
  if (others.length === 0) return first
  const mono = Float32Array.from(first)
  for (const channel of others) for (let i = 0; i < mono.length; i++) mono[i] = (mono[i] as number) + (channel[i] ?? 0)
  for (let i = 0; i < mono.length; i++) mono[i] = (mono[i] as number) / channels.length
  return mono
}
