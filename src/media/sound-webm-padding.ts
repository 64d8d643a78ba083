const SEGMENT = 0x18538067
const CLUSTER = 0x1f43b675
const TRACKS = 0x1654ae6b
const TRACK = 0xae
const TRACK_NUMBER = 0xd7
const CODEC_DELAY = 0x56aa
const BLOCK_GROUP = 0xa0
const BLOCK = 0xa1
const SIMPLE_BLOCK = 0xa3
const DISCARD_PADDING = 0x75a2

/** Elements whose contents are looked into. */
const OPENED = [SEGMENT, CLUSTER, TRACKS, TRACK, BLOCK_GROUP]

/** Seconds to leave out at either end. */
export interface WebmPadding {
  readonly start: number
  readonly end: number
}

/**
 * What a WebM or Matroska file says was added to a track by its encoder: CodecDelay at the start, DiscardPadding of the last block at the
 * end; 0 where it says nothing. Source: RFC 9559, 5.1.4.1.28 and 5.1.3.5.7.
 */
export function readWebmPadding(bytes: Uint8Array, trackNumber: number): WebmPadding {
  const delays: { number: number; delay: number }[] = []
  let block = { track: 0, padding: 0 }
  let last = 0
  const close = (): void => {
    if (block.track === trackNumber) last = block.padding
  }
  // Elements lie one after another, also those inside of others, so that nothing depends on sizes that streams do not know.
  for (let at = 0; at < bytes.length; ) {
    const [id, idEnd] = readId(bytes, at)
    const [size, body] = readSize(bytes, idEnd)
    const content = bytes.subarray(body, body + (size ?? 0))
    const entry = delays.at(-1)
    if (id === TRACK) delays.push({ number: 0, delay: 0 })
    if (id === TRACK_NUMBER && entry) entry.number = readUnsigned(content)
    if (id === CODEC_DELAY && entry) entry.delay = readUnsigned(content)
    if (id === BLOCK_GROUP || id === SIMPLE_BLOCK) {
      close()
      block = { track: 0, padding: 0 }
    }
    if (id === BLOCK || id === SIMPLE_BLOCK) block.track = readSize(bytes, body)[0] ?? 0
    if (id === DISCARD_PADDING) block.padding = Math.max(0, readSigned(content))
    if (!OPENED.includes(id) && size === undefined) break
    at = OPENED.includes(id) ? body : body + (size ?? 0)
  }
  close()
  const delay = delays.find(({ number }) => number === trackNumber)?.delay ?? 0
  return { start: delay / 1e9, end: last / 1e9 }
}

/** Leading zeros of the first byte say how many bytes follow. */
const lengthAt = (bytes: Uint8Array, at: number): number => Math.clz32(bytes[at] ?? 0) - 23

function readId(bytes: Uint8Array, at: number): [id: number, end: number] {
  const length = lengthAt(bytes, at)
  return [readUnsigned(bytes.subarray(at, at + length)), at + length]
}

/** A size, or a track's number, without its marker bit; undefined when all bits are set, which means unknown. */
function readSize(bytes: Uint8Array, at: number): [size: number | undefined, end: number] {
  const length = lengthAt(bytes, at)
  const value = readUnsigned(bytes.subarray(at, at + length)) - 2 ** (7 * length)
  return [value === 2 ** (7 * length) - 1 ? undefined : Math.max(0, value), at + length]
}

const readUnsigned = (bytes: Uint8Array): number => bytes.reduce((value, byte) => value * 256 + byte, 0)

function readSigned(bytes: Uint8Array): number {
  const value = readUnsigned(bytes)
  return (bytes[0] ?? 0) < 128 ? value : value - 2 ** (8 * bytes.length)
}
