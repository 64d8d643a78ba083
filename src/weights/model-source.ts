import { modelLoadError } from '../util/errors.ts'

/**
 * A folder of model files, wherever it lies.
 * Paths are relative, with '/' between their parts. Errors of every method: ModelLoadError naming the file; the platform's AbortError.
 */
export interface ModelSource {
  /** For messages: the model as the user named it. */
  readonly name: string
  /** The same for the same folder in every visit; undefined for files that were picked. */
  readonly place?: string | undefined
  /** The commit that all files are of, once an answer has told it or where it was asked for. */
  readonly commit?: (() => string | undefined) | undefined
  exists(path: string): Promise<boolean>
  /** The parsed file. At most 10 MB (tokenizer.json: 64 MB). `__proto__` keys are dropped. */
  json(path: string): Promise<unknown>
  /** The file as UTF-8 text, same limits. */
  text(path: string): Promise<string>
  open(path: string): Promise<SourceFile>
}

/** A file of a model, read by pieces. `begin` and `end` are byte offsets, 0 ≤ begin ≤ end ≤ size. */
export interface SourceFile {
  readonly name: string
  /** Bytes. */
  readonly size: number
  /** What changes when the content does (an ETag or a date); undefined where nobody says. */
  readonly version: string | undefined
  /** Text that is the same as long as the content is, where that is known without reading it. */
  readonly identity?: string | undefined
  /** False if every read starts over at byte 0 (a server without range requests): then read once, in order. */
  readonly ranged: boolean
  /** Exactly the bytes [begin, end). */
  read(begin: number, end: number, signal?: AbortSignal): Promise<Uint8Array>
  /** The same bytes in order, in pieces as they come. Errors: also one that isFileChanged recognises. */
  stream(begin: number, end: number, signal?: AbortSignal): AsyncIterable<Uint8Array>
}

/** A folder inside a model's folder, as a source of its own. */
export function subfolder(source: ModelSource, folder: string): ModelSource {
  const inside = (path: string): string => `${folder}/${path}`
  return {
    name: `${source.name.replace(/\/+$/, '')}/${folder}`,
    exists: (path) => source.exists(inside(path)),
    json: (path) => source.json(inside(path)),
    text: (path) => source.text(inside(path)),
    open: (path) => source.open(inside(path)),
  }
}

const MEGABYTE = 1_000_000

/** Most bytes that json() and text() accept. Vocabularies of a quarter million tokens exceed 10 MB. */
export const textCap = (path: string): number => (path.endsWith('tokenizer.json') ? 64 * MEGABYTE : 10 * MEGABYTE)

/** Error for a JSON or text file over its cap; `size` in bytes, where it is known. */
export function tooLargeError(path: string, size?: number): Error {
  const given = size === undefined ? 'is larger' : `has ${size} bytes`
  return modelLoadError(`${path} ${given}; at most ${textCap(path)} bytes are read of such a file. Is it the right file?`)
}

/** Error for a file that is not there. */
export const missingFileError = (source: string, path: string): Error =>
  modelLoadError(`${source} has no file '${path}'. Check the model's name or address, and that the folder holds the whole model.`)

const FILE_CHANGED = { reason: 'the file changed while it was being read' }

/** Error for a file that was replaced between two reads: what was read before is void, opening it again gives the new one. */
export const fileChangedError = (path: string, was: string, now: string): Error =>
  modelLoadError(`${path} changed on the server while it was being read (${was} became ${now}); load the model again.`, FILE_CHANGED)

export const isFileChanged = (thrown: unknown): boolean => thrown instanceof Error && thrown.cause === FILE_CHANGED

/** Throws ModelLoadError unless `path` stays inside its folder. */
export function checkPath(path: string): void {
  const parts = path.split('/')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\\\u0000-\u001f\u007f]/.test(path) || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw modelLoadError(
      `'${path}' is no valid file name inside a model folder; names are relative and have no '..', '\\' or control characters.`,
    )
  }
}

/** Throws RangeError unless [begin, end) lies in the file: a mistake of the caller, not of the file. */
export function checkRange(file: { readonly name: string; readonly size: number }, begin: number, end: number): void {
  if (!(begin >= 0 && begin <= end && end <= file.size))
    throw new RangeError(`bytes [${begin}, ${end}) of ${file.name}, which has ${file.size}`)
}

/** UTF-8 bytes of a file as text. Errors: ModelLoadError if they are not UTF-8. */
export function decodeText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw modelLoadError(`${path} is not UTF-8 text.`, error)
  }
}

/** A file's JSON, without `__proto__` keys. Errors: ModelLoadError if it is not JSON. */
export function parseJson(path: string, text: string): unknown {
  try {
    // An own `__proto__` key would turn into a prototype wherever the object is copied by assignment.
    return text.includes('__proto__') ? JSON.parse(text, (key, value) => (key === '__proto__' ? undefined : value)) : JSON.parse(text)
  } catch (error) {
    throw modelLoadError(`${path} is not valid JSON: ${error instanceof Error ? error.message : error}`, error)
  }
}

/** Joins the pieces of a stream of known length. */
export async function collect(pieces: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const whole = new Uint8Array(length)
  let at = 0
  for await (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
