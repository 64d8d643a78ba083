/** Samples that no MP3 decoder can give back exactly where they were: its own delay, which encoders count apart. */
const DECODER_DELAY = 529

/** Samples of each channel to leave out at either end. */
export interface SoundPadding {
  readonly start: number
  readonly end: number
}

/**
 * What an MP3 file's LAME tag says was added by the encoder, with the decoder's own delay; undefined without such a tag. It lies in the
 * first frame, which holds no sound, behind Xing's or Info's table. Source: LAME's "Mp3 info tag", revision 1.
 */
export function readMp3Padding(bytes: Uint8Array): SoundPadding | undefined {
  const frame = skipId3(bytes)
  const [sync = 0, version = 0, , mode = 0] = bytes.subarray(frame, frame + 4)
  if (sync !== 0xff || (version & 0xe0) !== 0xe0) return undefined
  const [isMpeg1, isMono] = [(version & 0x18) === 0x18, mode >> 6 === 3]
  const sideInfo = isMpeg1 ? (isMono ? 17 : 32) : isMono ? 9 : 17
  const table = frame + 4 + sideInfo
  if (!/^(Xing|Info)$/.test(ascii(bytes, table, 4))) return undefined
  const flags = bytes[table + 7] ?? 0
  // Each flag stands for a field: frames, bytes, table of contents, quality.
  const fields = [4, 4, 100, 4].reduce((sum, size, bit) => sum + ((flags >> bit) & 1 ? size : 0), 0)
  const tag = table + 8 + fields
  if (tag + 24 > bytes.length || !/^(LAME|Lavf|Lavc)$/.test(ascii(bytes, tag, 4))) return undefined
  const [a = 0, b = 0, c = 0] = bytes.subarray(tag + 21, tag + 24)
  const [delay, padding] = [(a << 4) | (b >> 4), ((b & 15) << 8) | c]
  return { start: delay + DECODER_DELAY, end: Math.max(0, padding - DECODER_DELAY) }
}

/** Where the first frame starts: behind any ID3v2 tags, whose sizes have seven bits to a byte. */
function skipId3(bytes: Uint8Array): number {
  let at = 0
  while (ascii(bytes, at, 3) === 'ID3' && at + 10 <= bytes.length) {
    const footer = (bytes[at + 5] ?? 0) & 0x10 ? 10 : 0
    at += 10 + footer + bytes.subarray(at + 6, at + 10).reduce((size, byte) => size * 128 + (byte & 127), 0)
  }
  return at
}

const ascii = (bytes: Uint8Array, at: number, length: number): string => String.fromCharCode(...bytes.subarray(at, at + length))
