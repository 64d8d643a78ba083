import { fourierTransform } from './fourier.ts'

/** Whisper's analysis (arXiv:2212.04356, section 2.2): samples per second, of a window, and from one window to the next. */
export const WHISPER_RATE = 16_000
export const WHISPER_HOP = 160
const WINDOW = 400
const BINS = WINDOW / 2 + 1

/** Below 1 kHz Slaney's mel scale is linear, above it logarithmic. */
const LINEAR_HERTZ = 200 / 3
const BREAK_HERTZ = 1000
const BREAK_MEL = BREAK_HERTZ / LINEAR_HERTZ
const LOG_STEP = Math.log(6.4) / 27

const melOf = (hertz: number): number => (hertz < BREAK_HERTZ ? hertz / LINEAR_HERTZ : BREAK_MEL + Math.log(hertz / BREAK_HERTZ) / LOG_STEP)
const hertzOf = (mel: number): number => (mel < BREAK_MEL ? mel * LINEAR_HERTZ : BREAK_HERTZ * Math.exp(LOG_STEP * (mel - BREAK_MEL)))

/** One triangle of the filter bank: the weights of the bins from `first` on. */
export interface MelFilter {
  readonly first: number
  readonly weights: Float64Array
}

/** Slaney's mel filters (as librosa makes them): triangles from 0 Hz to half the rate, each of unit area, over 201 bins. */
export function melFilters(count: number): MelFilter[] {
  const top = melOf(WHISPER_RATE / 2)
  const edges = Array.from({ length: count + 2 }, (_, i) => hertzOf((top * i) / (count + 1)))
  return Array.from({ length: count }, (_, i) => {
    const [low = 0, centre = 0, high = 0] = edges.slice(i, i + 3)
    const weights = Array.from({ length: BINS }, (_, bin) => {
      const hertz = (bin * WHISPER_RATE) / WINDOW
      const height = Math.min((hertz - low) / (centre - low), (high - hertz) / (high - centre))
      return (Math.max(0, height) * 2) / (high - low)
    })
    const first = Math.max(
      0,
      weights.findIndex((weight) => weight > 0),
    )
    const last = weights.findLastIndex((weight) => weight > 0)
    return { first, weights: Float64Array.from(weights.slice(first, last + 1)) }
  })
}

/**
 * Whisper's log-mel spectrogram of one clip at 16 kHz: power of windows of 25 ms every 10 ms (Hann, mirrored at the ends), mel bands,
 * log10 with at most 8 below the clip's maximum, then (x + 4) / 4. Gives f32 [⌊samples / 160⌋, bands], time first.
 * Needs 201 samples at least, the mirror's length. A clip of 30 s takes about 0.1 s.
 */
export function logMel(samples: Float32Array, bands: number): Float32Array {
  const frames = Math.floor(samples.length / WHISPER_HOP)
  const filters = melFilters(bands)
  const output = new Float32Array(frames * bands)
  let loudest = Number.NEGATIVE_INFINITY
  forEachSpectrum(samples, frames, (frame, power) => {
    for (const [band, { first, weights }] of filters.entries()) {
      let sum = 0
      for (let i = 0; i < weights.length; i++) sum += (weights[i] as number) * (power[first + i] as number)
      const value = Math.log10(Math.max(sum, 1e-10))
      output[frame * bands + band] = value
      if (value > loudest) loudest = value
    }
  })
  for (let i = 0; i < output.length; i++) output[i] = (Math.max(output[i] as number, loudest - 8) + 4) / 4
  return output
}

/** The power of each frame's 201 bins. Frames come in pairs: one is the real part of a transform, the next the imaginary part. */
function forEachSpectrum(samples: Float32Array, frames: number, use: (frame: number, power: Float64Array) => void): void {
  const hann = Float64Array.from({ length: WINDOW }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW))
  const transform = fourierTransform(WINDOW)
  const re = new Float64Array(WINDOW)
  const im = new Float64Array(WINDOW)
  const power = new Float64Array(BINS)
  const fill = (part: Float64Array, frame: number): void => {
    const start = frame * WHISPER_HOP - WINDOW / 2
    for (let i = 0; i < WINDOW; i++) part[i] = (hann[i] as number) * (samples[mirror(start + i, samples.length)] as number)
  }
  for (let frame = 0; frame < frames; frame += 2) {
    fill(re, frame)
    if (frame + 1 < frames) fill(im, frame + 1)
    else im.fill(0)
    transform.run(re, im)
    for (const [offset, sign] of [
      [0, 1],
      [1, -1],
    ] as const) {
      if (frame + offset >= frames) break
      for (let bin = 0; bin < BINS; bin++) {
        // Of two real signals in one transform, the first has the even part, the second the odd one.
        const other = (WINDOW - bin) % WINDOW
        const a = (re[bin] as number) + sign * (re[other] as number)
        const b = (im[bin] as number) - sign * (im[other] as number)
        power[bin] = (a * a + b * b) / 4
      }
      use(frame + offset, power)
    }
  }
}

/** A place before the start or past the end, mirrored at the first and last sample. */
const mirror = (at: number, length: number): number => (at < 0 ? -at : at < length ? at : 2 * (length - 1) - at)
