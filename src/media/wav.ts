import { mediaError } from '../util/errors.ts'
import { checkSoundSize, type Sound } from './sound.ts'

/** Values of the format tag that are read; EXTENSIBLE names one of the others in its sub-format. */
const PCM = 1
const FLOAT = 3
const A_LAW = 6
const MU_LAW = 7
const EXTENSIBLE = 0xfffe

const MAX_CHANNELS = 64

interface WavFormat {
  readonly tag: number
  readonly channels: number
  readonly rate: number
  /** Bytes of one sample of one channel. */
  readonly bytes: number
}

/** Whether a file starts as RIFF (or RF64) WAVE files do. */
export const isWav = (bytes: Uint8Array): boolean => /^(RIFF|RF64)$/.test(ascii(bytes, 0)) && ascii(bytes, 8) === 'WAVE'

/**
 * Reads a WAV file: PCM of 8, 16, 24 or 32 bits, floats of 32 or 64, A-law and µ-law, any number of channels up to 64. Integers become
 * value / 2^(bits − 1). A file cut off in its samples gives those it has. name: how errors call it.
 * Errors: MediaError for damage, other encodings, files without samples, and those that are too long or too large.
 */
export function decodeWav(bytes: Uint8Array, name = 'The audio'): Sound {
  if (!isWav(bytes)) throw mediaError(`${name} is no WAV file.`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let format: WavFormat | undefined
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = ascii(bytes, at)
    const size = view.getUint32(at + 4, true)
    const body = at + 8
    if (id === 'fmt ') format = readFormat(view, body, size, name)
    if (id === 'data') {
      if (!format) throw mediaError(`${name} is a damaged WAV file: its samples come before their format.`)
      // Streams and RF64 write 0xffffffff, and a cut file has less than it says.
      return readSamples(view, body, Math.min(size, bytes.length - body), format, name)
    }
    // Chunks start at even places.
    at = body + size + (size % 2)
  }
  throw mediaError(`${name} is a WAV file without samples; it may be cut off.`)
}

function readFormat(view: DataView, at: number, size: number, name: string): WavFormat {
  if (size < 16 || at + size > view.byteLength) throw mediaError(`${name} is a damaged WAV file: its format has ${size} bytes.`)
  const given = view.getUint16(at, true)
  const tag = given === EXTENSIBLE && size >= 26 ? view.getUint16(at + 24, true) : given
  const channels = view.getUint16(at + 2, true)
  const rate = view.getUint32(at + 4, true)
  const bits = view.getUint16(at + 14, true)
  const allowed: Readonly<Record<number, readonly number[]>> = { [PCM]: [8, 16, 24, 32], [FLOAT]: [32, 64], [A_LAW]: [8], [MU_LAW]: [8] }
  if (!allowed[tag]?.includes(bits)) {
    throw mediaError(
      `${name} is a WAV file with samples of format ${tag} and ${bits} bits; PCM of 8 to 32 bits, floats, A-law and µ-law can be read.`,
    )
  }
  if (channels < 1 || channels > MAX_CHANNELS)
    throw mediaError(`${name} is a WAV file with ${channels} channels; it must have 1 to ${MAX_CHANNELS}.`)
  if (rate === 0) throw mediaError(`${name} is a WAV file with a sampling rate of 0.`)
  return { tag, channels, rate, bytes: bits / 8 }
}

function readSamples(view: DataView, start: number, size: number, format: WavFormat, name: string): Sound {
  const { channels: count, rate, bytes } = format
  const frames = Math.floor(size / (count * bytes))
  if (frames === 0) throw mediaError(`${name} has no samples.`)
  checkSoundSize(frames, count, rate, name)
  const read = sampleReader(view, format)
  const channels = Array.from({ length: count }, (_, channel) => {
    const samples = new Float32Array(frames)
    for (let i = 0; i < frames; i++) samples[i] = read(start + (i * count + channel) * bytes)
    return samples
  })
  return { channels, rate }
}

function sampleReader(view: DataView, { tag, bytes }: WavFormat): (at: number) => number {
  if (tag === A_LAW) return (at) => expandALaw(view.getUint8(at))
  if (tag === MU_LAW) return (at) => expandMuLaw(view.getUint8(at))
  if (tag === FLOAT) return bytes === 8 ? (at) => view.getFloat64(at, true) : (at) => view.getFloat32(at, true)
  // Bytes alone are unsigned.
  if (bytes === 1) return (at) => (view.getUint8(at) - 128) / 128
  if (bytes === 2) return (at) => view.getInt16(at, true) / 2 ** 15
  if (bytes === 3) return (at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23
  return (at) => view.getInt32(at, true) / 2 ** 31
}

/** ITU-T G.711, A-law: every other bit is flipped; sign, three bits of exponent, four of mantissa. */
function expandALaw(code: number): number {
  const bits = code ^ 0x55
  const exponent = (bits >> 4) & 7
  const mantissa = ((bits & 15) << 4) + 8
  const magnitude = exponent === 0 ? mantissa : (mantissa + 256) << (exponent - 1)
  return (bits & 128 ? magnitude : -magnitude) / 2 ** 15
}

/** ITU-T G.711, µ-law: all bits are flipped; sign, three bits of exponent, four of mantissa. */
function expandMuLaw(code: number): number {
  const bits = ~code & 255
  const magnitude = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132
  return (bits & 128 ? -magnitude : magnitude) / 2 ** 15
}

const ascii = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4))
