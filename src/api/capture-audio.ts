import type { WireAudio, WireEmbeds } from '../protocol/media.ts'
import { invalidRequestError } from '../util/errors.ts'
import { captureEmbeds, isEmbeds } from './capture-embeds.ts'
import { captureFile, isFile } from './capture-file.ts'
import { type Captured, describe, tagOf } from './captured.ts'
import type { AudioEmbeds, AudioInput } from './media-types.ts'

/** Whether this is `[samples, sampling_rate]`; any other list is a list of inputs. */
export const isSamples = (value: unknown): boolean => Array.isArray(value) && value.length === 2 && typeof value[1] === 'number'

/** Copies samples and pre-computed features; files and addresses are handed on as they are. Errors: InvalidRequestError for other values, no samples or a rate that is not above 0. */
export async function captureAudio(input: AudioInput, at: string, uuid?: string | null): Promise<Captured<WireAudio | WireEmbeds>> {
  if (isEmbeds(input, 'audio')) return captureEmbeds(input as AudioEmbeds, at, uuid)
  if (isFile(input)) {
    const { wire, transfer } = await captureFile(input, at)
    return { wire: { ...wire, ...(uuid && { uuid }) }, transfer }
  }
  const { channels, rate } = readSamples(input, at)
  if (!(rate > 0 && Number.isFinite(rate))) throw invalidRequestError(`${at} has a sampling rate of ${rate} Hz; it must be above 0.`)
  if (!channels[0]?.length) throw invalidRequestError(`${at} has no samples.`)
  return { wire: { kind: 'samples', channels, sampling_rate: rate, ...(uuid && { uuid }) }, transfer: channels.map(({ buffer }) => buffer) }
}

function readSamples(input: AudioInput, at: string): { channels: Float32Array<ArrayBuffer>[]; rate: number } {
  if (isSamples(input)) {
    const [samples, rate] = input as readonly [unknown, number]
    if (tagOf(samples) === 'Float32Array') return { channels: [Float32Array.from(samples as Float32Array)], rate }
  }
  if (tagOf(input) === 'AudioBuffer') {
    const buffer = input as AudioBuffer
    const channels = Array.from({ length: buffer.numberOfChannels }, (_, channel) => Float32Array.from(buffer.getChannelData(channel)))
    return { channels, rate: buffer.sampleRate }
  }
  throw invalidRequestError(
    `${at} is ${describe(input)}; sound may be [Float32Array, sampling_rate], an AudioBuffer, a Blob or a URL, or an object with audio_embeds.`,
  )
}
