import { sha256Hex } from '../util/sha256.ts'
import { type CacheRoot, entryFolder, withEntry } from './cache-root.ts'
import { closeQuietly, openForWriting, readWhole, writeAll } from './sync-file.ts'

/** Small things kept together: `manifest` says where each lies in `body`. */
export interface FilePack {
  readonly manifest: PackManifest
  readonly body: Uint8Array<ArrayBuffer>
}

/** What every pack's manifest says; the rest is its writer's affair. Anything that JSON can hold. */
export interface PackManifest {
  readonly version: 1
  /** The model as it was named. */
  readonly model: string
}

/** A pack lies in one of two files, and a newer one is written to the other: when the browser ends meanwhile, the older is still whole. */
const SLOTS = ['a', 'b'] as const

/** SHA-256 of what follows, the pack's number among its entry's, and the manifest's length. */
const HEAD = 32 + 4 + 4

interface Slot {
  readonly number: number
  readonly bytes: number
  readonly pack: FilePack
}

/** The newest whole pack of an entry; undefined if there is none. */
export async function readPack(root: CacheRoot, key: string): Promise<FilePack | undefined> {
  try {
    return (await newestSlot(await entryFolder(root, 'files', key, false)))?.slot.pack
  } catch {
    return undefined
  }
}

/** The model of an entry's pack, and the bytes it takes. */
export async function readPackManifest(folder: FileSystemDirectoryHandle): Promise<{ model: string; bytes: number } | undefined> {
  const slot = (await newestSlot(folder))?.slot
  return slot && { model: slot.pack.manifest.model, bytes: slot.bytes }
}

/** Writes a pack in place of the entry's present one. Errors: those of the storage; the signal's reason. */
export async function writePack(root: CacheRoot, key: string, { manifest, body }: FilePack, signal?: AbortSignal): Promise<void> {
  const json = new TextEncoder().encode(JSON.stringify(manifest))
  await withEntry(root, { kind: 'files', key }, { mode: 'exclusive', signal }, async () => {
    const folder = await entryFolder(root, 'files', key, true)
    const newest = await newestSlot(folder)
    const bytes = new Uint8Array(HEAD + json.length + body.length)
    const view = new DataView(bytes.buffer)
    view.setUint32(32, (newest?.slot.number ?? 0) + 1, true)
    view.setUint32(36, json.length, true)
    bytes.set(json, HEAD)
    bytes.set(body, HEAD + json.length)
    bytes.set(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.subarray(32))))
    const old = newest?.name
    const file = await openForWriting(folder, old === 'a' ? 'b' : 'a')
    try {
      file.truncate(bytes.length)
      writeAll(file, bytes, 0)
      file.flush()
    } finally {
      closeQuietly(file)
    }
    if (old) await folder.removeEntry(old)
  })
}

async function newestSlot(folder: FileSystemDirectoryHandle): Promise<{ name: string; slot: Slot } | undefined> {
  const slots = await Promise.all(SLOTS.map(async (name) => ({ name, slot: await readSlot(folder, name) })))
  const whole = slots.flatMap(({ name, slot }) => (slot ? [{ name, slot }] : []))
  return whole.sort((a, b) => b.slot.number - a.slot.number)[0]
}

async function readSlot(folder: FileSystemDirectoryHandle, name: string): Promise<Slot | undefined> {
  try {
    const bytes = await readWhole(folder, name)
    if (bytes.length < HEAD) return undefined
    const sum = Array.from(bytes.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join('')
    if (sum !== (await sha256Hex(bytes.subarray(32)))) return undefined
    const view = new DataView(bytes.buffer)
    const end = HEAD + view.getUint32(36, true)
    const manifest = JSON.parse(new TextDecoder().decode(bytes.subarray(HEAD, end))) as PackManifest
    if (manifest.version !== 1) return undefined
    return { number: view.getUint32(32, true), bytes: bytes.length, pack: { manifest, body: bytes.subarray(end) } }
  } catch {
    return undefined
  }
}
