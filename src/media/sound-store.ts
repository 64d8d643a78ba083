import { mediaError } from '../util/errors.ts'
import { checkSoundSize, MAX_SOUND_BYTES } from './sound.ts'

/** A piece of decoded sound, as WebCodecs and mediabunny have it. */
export interface SoundPiece {
  readonly numberOfFrames: number
  readonly numberOfChannels: number
  readonly sampleRate: number
  copyTo(destination: Float32Array, options: { planeIndex: number; format: 'f32-planar' }): void
}

/** Collects pieces of decoded sound, within the limits of checkSoundSize. */
export class SoundStore {
  readonly #name: string
  readonly #seconds: number
  #channels: Float32Array[] = []
  #frames = 0
  #rate = 0

  /** name: how errors call the sound. seconds: how long it will be, as far as that is known; it may turn out longer. */
  constructor(name: string, seconds: number) {
    this.#name = name
    this.#seconds = seconds
  }

  /** Samples of each channel so far. */
  get frames(): number {
    return this.#frames
  }

  /** Samples per second; 0 before the first piece. */
  get rate(): number {
    return this.#rate
  }

  /** Copies a piece behind the others. Errors: MediaError past the limits, and for another rate or number of channels. */
  append(piece: SoundPiece): void {
    const { numberOfFrames: count, numberOfChannels: width, sampleRate: rate } = piece
    const end = this.#frames + count
    checkSoundSize(end, width, rate, this.#name)
    if (this.#rate === 0) {
      this.#rate = rate
      this.#channels = Array.from({ length: width }, () => new Float32Array(0))
    }
    if (rate !== this.#rate || width !== this.#channels.length) {
      const was = `${this.#channels.length} channels at ${this.#rate} Hz`
      throw mediaError(`${this.#name} changes from ${was} to ${width} at ${rate} Hz; it must keep to one form. Convert it first.`)
    }
    if (end > (this.#channels[0]?.length ?? 0)) this.#grow(end)
    for (const [planeIndex, channel] of this.#channels.entries()) {
      piece.copyTo(channel.subarray(this.#frames, end), { planeIndex, format: 'f32-planar' })
    }
    this.#frames = end
  }

  /** The channels from a sample on, so many samples of each. */
  take(start: number, count: number): Float32Array[] {
    return this.#channels.map((channel) => channel.slice(start, start + count))
  }

  /** First to the length that is expected, then, in files that have more in them than they say, by doubling. */
  #grow(least: number): void {
    const most = Math.floor(MAX_SOUND_BYTES / Float32Array.BYTES_PER_ELEMENT / this.#channels.length)
    const wanted = this.#frames === 0 ? Math.ceil((this.#seconds + 1) * this.#rate) : 2 * this.#frames
    const capacity = Math.max(least, Math.min(wanted, most))
    this.#channels = this.#channels.map((channel) => {
      const larger = new Float32Array(capacity)
      larger.set(channel.subarray(0, this.#frames))
      return larger
    })
  }
}
