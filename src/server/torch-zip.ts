/** Most files in an archive: one for each tensor and a few more. */
const MAX_ENTRIES = 1000
/** Bytes of the record at an archive's end, and of what a comment may add to it. */
const END = 22
const MAX_COMMENT = 65_535

const END_MAGIC = 0x06054b50
const ENTRY_MAGIC = 0x02014b50
const LOCAL_MAGIC = 0x04034b50

/** Whether bytes start as zip archives do. */
export const isZip = (bytes: Uint8Array): boolean => bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4

/**
 * The files of a zip archive by name, as they lie in it: torch.save compresses nothing. Errors: RangeError with words for a user for
 * archives that are cut off, compressed, encrypted or have too many files. Source: PKWARE's APPNOTE.TXT, 4.3.
 */
export function readZip(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const end = findEnd(view)
  const count = view.getUint16(end + 10, true)
  if (count > MAX_ENTRIES) throw new RangeError(`is a zip archive of ${count} files; at most ${MAX_ENTRIES} are read`)
  const files = new Map<string, Uint8Array>()
  let at = view.getUint32(end + 16, true)
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== ENTRY_MAGIC) throw damaged()
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + view.getUint16(at + 28, true)))
    if (files.has(name)) throw new RangeError(`is a zip archive with two files of the name ${JSON.stringify(name)}`)
    files.set(name, readEntry(view, at, end))
    at += 46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  }
  return files
}

/** Where the record at the end starts: the last one, behind which may be a comment. */
function findEnd(view: DataView): number {
  for (let at = view.byteLength - END; at >= Math.max(0, view.byteLength - END - MAX_COMMENT); at--) {
    if (view.getUint32(at, true) === END_MAGIC) return at
  }
  throw new RangeError('is a zip archive that is cut off: its table of files, at the end, is missing')
}

/** The contents of the file that a line of the table tells of. */
function readEntry(view: DataView, at: number, end: number): Uint8Array {
  const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)]
  const [packed, size, local] = [view.getUint32(at + 20, true), view.getUint32(at + 24, true), view.getUint32(at + 42, true)]
  if (method !== 0 || packed !== size) throw new RangeError('is a compressed zip archive; torch.save writes them uncompressed')
  if (flags & 1) throw new RangeError('is an encrypted zip archive')
  if (local + 30 > end || view.getUint32(local, true) !== LOCAL_MAGIC) throw damaged()
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
  if (start + size > end) throw damaged()
  return new Uint8Array(view.buffer, view.byteOffset + start, size)
}

const damaged = (): RangeError => new RangeError('is a damaged zip archive: its table of files does not fit what it holds')
