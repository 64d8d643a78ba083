/** Boxes whose contents are looked into. */
const OPENED = ['moov', 'trak', 'edts']

/**
 * How long an MP4 or MOV file's edit list shows a track, in seconds; undefined where it says nothing, or has several stretches. Encoders of
 * AAC leave the silence at the end out by it. trackId: as in the track's header. Source: ISO/IEC 14496-12, 8.6.6.
 */
export function readMp4EditSeconds(bytes: Uint8Array, trackId: number): number | undefined {
  const edit = findEdit(bytes, trackId)
  return edit?.stretches === 1 ? edit.shown : undefined
}

/**
 * When an edit list ends a track's first stretch, in seconds from the beginning of the film, of which it may leave the first ones empty, and
 * how many stretches there are.
 */
export function readMp4EditEnd(bytes: Uint8Array, trackId: number): { end: number; stretches: number } | undefined {
  const edit = findEdit(bytes, trackId)
  return edit && { end: edit.empty + edit.shown, stretches: edit.stretches }
}

/** Seconds before a track's first stretch, and of it. */
interface Edit {
  readonly empty: number
  readonly shown: number
  readonly stretches: number
}

function findEdit(bytes: Uint8Array, trackId: number): Edit | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let timescale = 0
  let track = 0
  let edit: Edit | undefined
  try {
    for (let at = 0; at + 8 <= bytes.length; ) {
      const [type, body, end] = readBox(view, at)
      if (type === 'mvhd') timescale = view.getUint32(body + (view.getUint8(body) === 1 ? 20 : 12))
      if (type === 'tkhd') track = view.getUint32(body + (view.getUint8(body) === 1 ? 20 : 12))
      if (type === 'elst' && track === trackId) edit = readEdit(view, body)
      at = OPENED.includes(type) ? body : end
    }
  } catch (error) {
    // A DataView's complaint about reading past the end: a cut file. What plays of it is for others to say.
    if (!(error instanceof RangeError)) throw error
  }
  return edit?.shown && timescale ? { ...edit, empty: edit.empty / timescale, shown: edit.shown / timescale } : undefined
}

/** A box's type, and where its body and the next box start. */
function readBox(view: DataView, at: number): [type: string, body: number, end: number] {
  const size = view.getUint32(at)
  const type = String.fromCharCode(...[4, 5, 6, 7].map((i) => view.getUint8(at + i)))
  if (size === 0) return [type, at + 8, view.byteLength]
  if (size === 1) return [type, at + 16, at + Math.max(16, Number(view.getBigUint64(at + 8)))]
  return [type, at + 8, at + Math.max(8, size)]
}

/** The stretches that show something, in the film's time scale. A length of 0 is the rest, whatever its length. */
function readEdit(view: DataView, body: number): Edit | undefined {
  const isLong = view.getUint8(body) === 1
  const count = view.getUint32(body + 4)
  const shown: number[] = []
  let empty = 0
  for (let i = 0, at = body + 8; i < count; i++, at += isLong ? 20 : 12) {
    const start = isLong ? Number(view.getBigInt64(at + 8)) : view.getInt32(at + 4)
    const length = isLong ? Number(view.getBigUint64(at)) : view.getUint32(at)
    if (start !== -1) shown.push(length)
    else if (shown.length === 0) empty += length
  }
  return { empty, shown: shown[0] ?? 0, stretches: shown.length }
}
