import type { CacheRoot } from '../cache/cache-root.ts'
import { markUsed } from '../cache/entries.ts'
import { type FilePack, type PackManifest, readPack, writePack } from '../cache/file-pack.ts'
import { sha256OfText } from '../util/sha256.ts'
import { identityOf } from './file-identity.ts'
import { isUnreachable } from './http-transport.ts'
import { fileChangedError, type ModelSource, parseJson, type SourceFile } from './model-source.ts'

/** What is known of a file. null: it is not there. */
interface Known {
  facts?: Facts | undefined
  text?: string
  /** Parts that were asked for one by one: headers. */
  readonly reads: { readonly begin: number; readonly bytes: Uint8Array }[]
}

type Facts = Pick<SourceFile, 'size' | 'version' | 'ranged' | 'identity'>

/** A pack's manifest: for each path what is known, with places in the body for its bytes. */
interface Manifest extends PackManifest {
  readonly commit?: string | undefined
  readonly files: Readonly<Record<string, KeptFile | null>>
}

interface KeptFile {
  readonly facts?: Facts | undefined
  readonly text?: Span
  readonly reads: readonly (Span & { readonly begin: number })[]
}

interface Span {
  readonly at: number
  readonly length: number
}

/** Most bytes of single reads that are kept of a file. */
const MOST_READ = 1 << 25

/**
 * A folder reached by a network whose small files, headers and missing files are kept: the next visit asks once whether they are still the
 * same, and starts without a network if nobody answers. What is streamed is not kept here.
 */
export class CachedSource implements ModelSource {
  readonly name: string
  readonly place: string | undefined
  /** Of the cache's entry. */
  readonly key: Promise<string>
  readonly #source: ModelSource
  readonly #probe: ModelSource
  readonly #root: CacheRoot
  readonly #signal: AbortSignal
  #known = new Map<string, Known | null>()
  #commit: string | undefined
  #ready: Promise<void> | undefined
  #changed = false

  /** probe: the same folder by requests that are made once and soon given up. */
  constructor(root: CacheRoot, source: ModelSource, probe: ModelSource, signal: AbortSignal) {
    this.name = source.name
    this.place = source.place
    this.key = sha256OfText(source.place ?? '')
    this.#source = source
    this.#probe = probe
    this.#root = root
    this.#signal = signal
  }

  readonly commit = (): string | undefined => this.#source.commit?.() ?? this.#probe.commit?.() ?? this.#commit

  async exists(path: string): Promise<boolean> {
    const known = await this.#lookUp(path)
    if (known !== undefined) return known !== null
    const there = await this.#source.exists(path)
    this.#note(path, there ? { reads: [] } : null)
    return there
  }

  async json(path: string): Promise<unknown> {
    return parseJson(path, await this.text(path))
  }

  async text(path: string): Promise<string> {
    const known = await this.#lookUp(path)
    if (known?.text !== undefined) return known.text
    // The version first: if the file is replaced in between, the next visit finds another one.
    const facts = await this.#factsOf(path)
    const text = await this.#source.text(path)
    this.#note(path, { ...(known ?? { reads: [] }), facts, text })
    return text
  }

  async open(path: string): Promise<SourceFile> {
    const known = await this.#lookUp(path)
    if (known?.facts) return this.#keptFile(path, known, known.facts)
    const file = await this.#source.open(path)
    const facts = { ...factsOf(file), identity: await identityOf(file, this.#signal) }
    const record: Known = { ...(known ?? { reads: [] }), facts }
    this.#note(path, record)
    return this.#keptFile(path, record, facts)
  }

  /** Keeps what has been learnt for the next visit. What goes wrong is of no consequence but that. */
  async save(): Promise<void> {
    if (!this.#changed) return markUsed(this.#root, 'files', await this.key)
    try {
      await writePack(this.#root, await this.key, packOf(this.name, this.commit(), this.#known), this.#signal)
      this.#changed = false
    } catch {
      return
    }
    await markUsed(this.#root, 'files', await this.key)
  }

  async #lookUp(path: string): Promise<Known | null | undefined> {
    this.#ready ??= this.#restore()
    await this.#ready
    return this.#known.get(path)
  }

  #note(path: string, known: Known | null): void {
    this.#known.set(path, known)
    this.#changed = true
  }

  async #restore(): Promise<void> {
    const pack = await readPack(this.#root, await this.key)
    if (!pack) return
    const { commit } = pack.manifest as Manifest
    const known = unpack(pack)
    if (!(await isCurrent(known, commit, this.#probe, this.#signal))) return
    this.#known = known
    this.#commit = commit
    // Another commit with the same files; of which the next visit then has to ask less.
    this.#changed = this.commit() !== commit
  }

  /** Undefined where the file can only be read whole. */
  async #factsOf(path: string): Promise<Facts | undefined> {
    try {
      return factsOf(await this.#source.open(path))
    } catch (error) {
      this.#signal.throwIfAborted()
      if (isUnreachable(error)) throw error
      return undefined
    }
  }

  #keptFile(path: string, known: Known, facts: Facts): SourceFile {
    const real = async (): Promise<SourceFile> => {
      const file = await this.#source.open(path)
      if (file.version === facts.version && file.size === facts.size) return file
      this.#known.delete(path)
      this.#changed = true
      throw fileChangedError(path, `${facts.version}`, `${file.version}`)
    }
    const read = async (begin: number, end: number, signal?: AbortSignal): Promise<Uint8Array> => {
      const kept = known.reads.find((part) => part.begin <= begin && end <= part.begin + part.bytes.length)
      if (kept) return kept.bytes.slice(begin - kept.begin, end - kept.begin)
      const bytes = await (await real()).read(begin, end, signal)
      if (known.reads.reduce((sum, part) => sum + part.bytes.length, bytes.length) <= MOST_READ) {
        known.reads.push({ begin, bytes: bytes.slice() })
        this.#changed = true
      }
      return bytes
    }
    async function* stream(begin: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
      yield* (await real()).stream(begin, end, signal)
    }
    return { name: path, ...facts, read, stream }
  }
}

const factsOf = ({ size, version, ranged, identity }: SourceFile): Facts => ({ size, version, ranged, identity })

/** Whether the folder is still what is known of it. Errors: the signal's reason. */
async function isCurrent(
  known: ReadonlyMap<string, Known | null>,
  commit: string | undefined,
  probe: ModelSource,
  signal: AbortSignal,
): Promise<boolean> {
  // Asked for by its hash, a commit is what it was.
  if (commit !== undefined && probe.commit?.() === commit) return true
  try {
    if (commit !== undefined && (await probe.exists('config.json')) && probe.commit?.() === commit) return true
    const same = await Promise.all([...known].map(([path, file]) => isSame(path, file, probe, signal)))
    return same.every(Boolean)
  } catch (error) {
    signal.throwIfAborted()
    return isUnreachable(error)
  }
}

async function isSame(path: string, known: Known | null, probe: ModelSource, signal: AbortSignal): Promise<boolean> {
  const there = await probe.exists(path)
  if (!there || known === null) return !there && known === null
  if (known.facts?.version === undefined) return known.text !== undefined && known.text === (await probe.text(path))
  const file = await probe.open(path)
  if (file.version !== known.facts.version || file.size !== known.facts.size) return false
  return known.facts.identity === undefined || known.facts.identity === (await identityOf(file, signal))
}

function packOf(model: string, commit: string | undefined, known: ReadonlyMap<string, Known | null>): FilePack {
  const parts: Uint8Array[] = []
  let at = 0
  const add = (bytes: Uint8Array): Span => {
    parts.push(bytes)
    at += bytes.length
    return { at: at - bytes.length, length: bytes.length }
  }
  const files: Record<string, KeptFile | null> = {}
  for (const [path, file] of known) {
    files[path] = file && {
      facts: file.facts,
      ...(file.text !== undefined && { text: add(new TextEncoder().encode(file.text)) }),
      reads: file.reads.map(({ begin, bytes }) => ({ begin, ...add(bytes) })),
    }
  }
  const body = new Uint8Array(at)
  let end = 0
  for (const part of parts) {
    body.set(part, end)
    end += part.length
  }
  const manifest: Manifest = { version: 1, model, commit, files }
  return { manifest, body }
}

function unpack({ manifest, body }: FilePack): Map<string, Known | null> {
  const bytesOf = ({ at, length }: Span): Uint8Array => body.subarray(at, at + length)
  const entries = Object.entries((manifest as Manifest).files).map(([path, file]): [string, Known | null] => {
    if (!file) return [path, null]
    const { facts, text, reads } = file
    const known = { facts, reads: reads.map((read) => ({ begin: read.begin, bytes: bytesOf(read) })) }
    return [path, text ? { ...known, text: new TextDecoder().decode(bytesOf(text)) } : known]
  })
  return new Map(entries)
}
