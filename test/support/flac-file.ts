import type { Samples16 } from './sound-clip.ts'

const BLOCK = 4096

const word = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256)

/** The remainder by a polynomial of 8 or 16 bits, highest bit first, from 0. */
function remainder(bytes: readonly number[], polynomial: number, bits: 8 | 16): number {
  const top = 2 ** (bits - 1)
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << (bits - 8)
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & top ? polynomial : 0)) & (2 * top - 1)
  }
  return crc
}

/** A number as UTF-8 writes characters, up to 2^16. */
const utf8 = (value: number): number[] =>
  value < 0x80
    ? [value]
    : value < 0x800
      ? [0xc0 | (value >> 6), 0x80 | (value & 63)]
      : [0xe0 | (value >> 12), 0x80 | ((value >> 6) & 63), 0x80 | (value & 63)]

/** The start of a FLAC file of 16-bit samples: magic number and STREAMINFO, which says nothing of sizes and sums. */
function head(block: number, rate: number, channels: number, length: number): number[] {
  const form = BigInt(rate) * 2n ** 44n + BigInt(channels - 1) * 2n ** 41n + 15n * 2n ** 36n + BigInt(length)
  return [
    ...word(0x664c6143, 4),
    0x80,
    0,
    0,
    34,
    ...word(block, 2),
    ...word(block, 2),
    ...word(0, 6),
    ...word(Number(form >> 32n), 4),
    ...word(Number(form & 0xffffffffn), 4),
    ...word(0, 16),
  ]
}

function frame(number: number, length: number, subframes: readonly number[][]): number[] {
  const header = [0xff, 0xf8, 0x70, (subframes.length - 1) << 4, ...utf8(number), ...word(length - 1, 2)]
  const bytes = [...header, remainder(header, 0x07, 8), ...subframes.flat()]
  return [...bytes, ...word(remainder(bytes, 0x8005, 16), 2)]
}

/** A FLAC file that holds the samples as they are, uncompressed. Source: RFC 9639. */
export function flacFile(samples: Samples16, rate: number): Uint8Array<ArrayBuffer> {
  const length = samples[0]?.length ?? 0
  const frames = Array.from({ length: Math.ceil(length / BLOCK) }, (_, i) => {
    const parts = samples.map((channel) => channel.subarray(i * BLOCK, (i + 1) * BLOCK))
    const subframes = parts.map((part) => [0x02, ...Array.from(part, (value) => word(value & 0xffff, 2)).flat()])
    return frame(i, parts[0]?.length ?? 0, subframes)
  })
  return Uint8Array.from([...head(BLOCK, rate, samples.length, length), ...frames.flat()])
}

/** A FLAC file of silence, a few bytes for each 65535 samples. said: the length that its head gives, if not the true one. */
export function silentFlac(frames: number, rate: number, channels: number, said?: number): Uint8Array<ArrayBuffer> {
  const block = 65_535
  const silence = Array.from({ length: channels }, () => [0x00, 0, 0])
  const all = Array.from({ length: frames }, (_, i) => frame(i, block, silence))
  return Uint8Array.from([...head(block, rate, channels, said ?? frames * block), ...all.flat()])
}
