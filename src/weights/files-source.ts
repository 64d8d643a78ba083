import { messageOf, modelLoadError } from '../util/errors.ts'
import {
  checkPath,
  checkRange,
  decodeText,
  type ModelSource,
  missingFileError,
  parseJson,
  type SourceFile,
  textCap,
  tooLargeError,
} from './model-source.ts'

/**
 * Files picked by the user (`<input type=file webkitdirectory multiple>`, or dropped). Names are relative to the folder of the topmost
 * config.json. Errors: ModelLoadError when two files have the same place.
 */
export function filesSource(files: ArrayLike<File>, signal?: AbortSignal): ModelSource {
  const all = Array.from(files, (file) => [file.webkitRelativePath || file.name, file] as const)
  const root = modelRoot(all.map(([path]) => path))
  const byPath = new Map<string, File>()
  for (const [path, file] of all) {
    if (!path.startsWith(root)) continue
    const inside = path.slice(root.length)
    if (byPath.has(inside)) throw modelLoadError(`Two of the files given are named '${inside}'; give the files of one model folder.`)
    byPath.set(inside, file)
  }
  return blobSource(root.replace(/\/$/, '') || 'the chosen files', async (path) => byPath.get(path), signal)
}

/** The folder (with its '/') of the config.json nearest to the top. */
function modelRoot(paths: readonly string[]): string {
  const configs = paths.filter((path) => path === 'config.json' || path.endsWith('/config.json'))
  const depth = (path: string) => path.split('/').length
  const top = configs.toSorted((a, b) => depth(a) - depth(b))[0]
  return top?.slice(0, -'config.json'.length) ?? ''
}

/** A folder opened with showDirectoryPicker, dropped, or lying in OPFS. */
export function directorySource(directory: FileSystemDirectoryHandle, signal?: AbortSignal): ModelSource {
  return blobSource(directory.name || 'the chosen folder', (path) => findFile(directory, path), signal)
}

async function findFile(directory: FileSystemDirectoryHandle, path: string): Promise<File | undefined> {
  const folders = path.split('/')
  const name = folders.pop() as string
  try {
    let folder = directory
    for (const part of folders) folder = await folder.getDirectoryHandle(part)
    return await (await folder.getFileHandle(name)).getFile()
  } catch (error) {
    const reason = error instanceof Error ? error.name : ''
    if (reason === 'NotFoundError' || reason === 'TypeMismatchError') return undefined
    const advice = reason === 'NotAllowedError' ? ' Ask for permission again (handle.requestPermission, from a click).' : ''
    throw modelLoadError(`'${path}' in folder '${directory.name}' could not be opened: ${messageOf(error)}.${advice}`, error)
  }
}

function blobSource(name: string, find: (path: string) => Promise<File | undefined>, signal: AbortSignal | undefined): ModelSource {
  async function lookUp(path: string): Promise<File | undefined> {
    signal?.throwIfAborted()
    checkPath(path)
    return await find(path)
  }
  async function get(path: string): Promise<File> {
    const file = await lookUp(path)
    if (!file) throw missingFileError(name, path)
    return file
  }
  async function text(path: string): Promise<string> {
    const file = blobFile(path, await get(path), signal)
    if (file.size > textCap(path)) throw tooLargeError(path, file.size)
    return decodeText(path, await file.read(0, file.size))
  }
  return {
    name,
    exists: async (path) => (await lookUp(path)) !== undefined,
    text,
    json: async (path) => parseJson(path, await text(path)),
    open: async (path) => blobFile(path, await get(path), signal),
  }
}

/** Younger than this, in milliseconds, a file is taken to have been made by the page. */
const NEW = 60_000

function blobFile(name: string, file: File, all: AbortSignal | undefined): SourceFile {
  const unreadable = (error: unknown) =>
    modelLoadError(`${name} could not be read: ${messageOf(error)}. Was it changed or removed after it was chosen? Choose it again.`, error)

  async function* stream(begin: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    checkRange(file, begin, end)
    const reader = file.slice(begin, end).stream().getReader()
    let left = end - begin
    try {
      for (;;) {
        all?.throwIfAborted()
        signal?.throwIfAborted()
        const { done, value } = await reader.read().catch((error) => {
          throw unreadable(error)
        })
        if (done) break
        left -= value.length
        if (value.length > 0) yield value
      }
    } finally {
      reader.cancel().catch(() => undefined)
    }
    if (left !== 0) throw unreadable(new Error(`wanted ${end - begin} bytes from ${begin}, got ${end - begin - left}`))
  }

  async function read(begin: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(file, begin, end)
    all?.throwIfAborted()
    signal?.throwIfAborted()
    const bytes = await file
      .slice(begin, end)
      .arrayBuffer()
      .catch((error) => {
        throw unreadable(error)
      })
    signal?.throwIfAborted()
    return new Uint8Array(bytes)
  }

  // A file that a page has just made bears the time of its making, which tells nothing of its content.
  const version = Date.now() - file.lastModified < NEW ? undefined : String(file.lastModified)
  return { name, size: file.size, version, ranged: true, read, stream }
}
