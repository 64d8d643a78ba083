import { mediaError } from '../util/errors.ts'

/** The part of a file that says it goes on beyond the file's end. */
export interface Cut {
  /** How the container calls the part. */
  readonly part: string
  /** Bytes that the file would have to have for it; undefined where even that is cut off. */
  readonly end: number | undefined
}

/** Boxes that MP4 and MOV files consist of. What else stands behind them may be anything. */
const BOXES = ['ftyp', 'styp', 'moov', 'moof', 'mdat', 'mfra', 'sidx', 'emsg', 'meta', 'uuid', 'free', 'skip', 'wide']

const EBML = 0x1a45dfa3
const SEGMENT = 0x18538067
const CLUSTER = 0x1f43b675
/** Parts by name, those that can be cut off. */
const ELEMENTS: Readonly<Record<number, string>> = { [EBML]: 'EBML', [SEGMENT]: 'Segment', [CLUSTER]: 'Cluster', 163: 'SimpleBlock' }

/**
 * Whether an MP4, MOV, WebM or Matroska file ends before it says it does, which readers of such files often pass over in silence. Recordings
 * of unknown length are seen through cluster by cluster; one that ends between two blocks cannot be told from a whole one. Undefined for a
 * whole file, and for other ones. Sources: ISO/IEC 14496-12 4.2, RFC 8794 (EBML), RFC 9559 (Matroska).
 */
export function findCut(bytes: Uint8Array): Cut | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 8) return undefined
  if (view.getUint32(0) === EBML) return findElementCut(view)
  return BOXES.includes(boxType(view, 0)) ? findBoxCut(view) : undefined
}

/** Refuses such files: an answer about a part of one looks like an answer about the whole. Errors: MediaError with the place. */
export function checkWhole(bytes: Uint8Array, name: string): void {
  const cut = findCut(bytes)
  if (!cut) return
  const where = cut.end === undefined ? `its part ${cut.part} is missing or incomplete` : `its part ${cut.part} ends at byte ${cut.end}`
  throw mediaError(`${name} is cut off: ${where}, but the file has ${bytes.length} bytes. Send the whole file.`)
}

const boxType = (view: DataView, at: number): string => String.fromCharCode(...[4, 5, 6, 7].map((i) => view.getUint8(at + i)))

function findBoxCut(view: DataView): Cut | undefined {
  const seen = new Set<string>()
  for (let at = 0; at + 8 <= view.byteLength; ) {
    const [small, part] = [view.getUint32(at), boxType(view, at)]
    if (!BOXES.includes(part)) return undefined
    seen.add(part)
    // 0 is the rest of the file, whatever its length.
    if (small === 0) break
    if (small === 1 && at + 16 > view.byteLength) return { part, end: undefined }
    const end = at + (small === 1 ? Number(view.getBigUint64(at + 8)) : small)
    if (end < at + 8) return undefined
    if (end > view.byteLength) return { part, end }
    at = end
  }
  // The index says what is in the file, and the pictures themselves are in one of these.
  const missing = ['moov', 'mdat'].find((part) => !seen.has(part))
  return missing === undefined ? undefined : { part: missing, end: undefined }
}

function findElementCut(view: DataView): Cut | undefined {
  let isBegun = false
  for (let at = 0; at < view.byteLength; ) {
    const id = readNumber(view, at, false)
    if (id === 'invalid') return undefined
    const size = id && readNumber(view, at + id.length, true)
    if (size === 'invalid') return undefined
    if (!id || !size) return { part: 'element', end: undefined }
    const body = at + id.length + size.length
    const end = size.value === undefined ? body : body + size.value
    isBegun ||= id.value === SEGMENT
    if (end > view.byteLength) return { part: ELEMENTS[id.value ?? 0] ?? 'element', end }
    at = end
  }
  return isBegun ? undefined : { part: 'Segment', end: undefined }
}

/** EBML's numbers begin with their length. Undefined: cut off. value undefined: unknown, all bits set. */
function readNumber(view: DataView, at: number, isSize: boolean): { value: number | undefined; length: number } | 'invalid' | undefined {
  if (at >= view.byteLength) return undefined
  const first = view.getUint8(at)
  const length = Math.clz32(first) - 23
  if (length > (isSize ? 8 : 4)) return 'invalid'
  if (at + length > view.byteLength) return undefined
  let value = isSize ? first & (0xff >> length) : first
  let isUnknown = value === 0xff >> length
  for (let i = 1; i < length; i++) {
    const byte = view.getUint8(at + i)
    isUnknown &&= byte === 0xff
    value = value * 256 + byte
  }
  return { value: isSize && isUnknown ? undefined : value, length }
}
