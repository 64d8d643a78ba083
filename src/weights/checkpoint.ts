import { modelLoadError } from '../util/errors.ts'
import { identityOf } from './file-identity.ts'
import { isFileChanged, type ModelSource, type SourceFile } from './model-source.ts'
import type { PackedDtype } from './packed.ts'
import { readSafetensorsHeader, type SafetensorsHeader, type TensorEntry } from './safetensors.ts'
import { checkAgreement, parseShardIndex } from './shard-index.ts'
import { type OnChunk, planRuns, type StreamedTensor, streamRun } from './tensor-stream.ts'

export type { OnChunk } from './tensor-stream.ts'

/** A tensor of a checkpoint: type, shape, and the bytes [begin, end) of `file`. */
export interface CheckpointTensor extends Omit<TensorEntry, 'dtype'> {
  readonly dtype: TensorEntry['dtype'] | PackedDtype
  readonly file: string
}

/** A tensor to be read, in chunks of whole rows of `rowBytes` bytes. */
export interface WantedTensor {
  readonly name: string
  readonly rowBytes: number
  /** Bytes [begin, end) of it alone, between rows. Default: all. */
  readonly begin?: number
  readonly end?: number
}

/** How tensors are streamed. */
export interface StreamOptions {
  readonly signal?: AbortSignal | undefined
  /** Called as bytes arrive: the file, bytes read of it and bytes to be read of it. A file starts with 0 and ends with its total. */
  readonly onProgress?: ((file: string, loadedBytes: number, totalBytes: number) => void) | undefined
  /** Most bytes of a chunk, unless a single row is longer. Default 8 MB. */
  readonly chunkBytes?: number | undefined
  /** Called when a file was replaced on the server and its tensors are about to come again. What it throws ends the reading. */
  readonly onReplaced?: ((file: string) => void) | undefined
}

/** The weights of a model: one safetensors file, or shards with an index, all headers checked. */
export interface Checkpoint {
  readonly tensors: ReadonlyMap<string, CheckpointTensor>
  /** Files in reading order, sizes in bytes. */
  readonly files: readonly { readonly name: string; readonly size: number }[]
  /** Tensors that a model may leave unread. */
  readonly optional?: ReadonlySet<string> | undefined
  /** Text that is the same as long as the files' content is; undefined where their versions cannot be told. Errors: as in reading. */
  readonly identity?: (() => Promise<string | undefined>) | undefined
  /**
   * Reads the wanted tensors, file by file and in file order; unwanted ones are skipped. The next chunk comes after `onChunk` has
   * resolved; chunks of one tensor come in order. Empty tensors give no chunk. If a file is replaced on the server meanwhile, its
   * tensors come again from offset 0.
   * Errors: ModelLoadError for a name that is not there or stands twice in `wanted`, and for whatever goes wrong in reading; what
   * `onChunk` throws; the signal's reason.
   */
  streamTensors(wanted: readonly WantedTensor[], onChunk: OnChunk, options?: StreamOptions): Promise<void>
}

const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'

/** Most bytes of a chunk unless told otherwise. */
export const CHUNK_BYTES = 8_000_000
/** A gap read over rather than asked around: about what arrives in the time of a request. */
const LARGEST_GAP = 1 << 20
/** Headers asked for at once. */
const PARALLEL_HEADERS = 4
/** Times that a file which changed is begun again. */
const RESTARTS = 2

/** A file whose header has been read. */
interface Shard {
  /** In its source; the file's own name may say in which folder that lies. */
  readonly name: string
  readonly file: SourceFile
  readonly header: SafetensorsHeader
}

/**
 * Opens the checkpoint in a model folder: model.safetensors, or the shards of model.safetensors.index.json. Reads headers only.
 * Errors: ModelLoadError if there is neither, if a header breaks a rule of the format, or if index and shards disagree.
 */
export async function openCheckpoint(source: ModelSource, signal?: AbortSignal): Promise<Checkpoint> {
  signal?.throwIfAborted()
  const shards = (await source.exists(SINGLE)) ? [await openShard(source, SINGLE, signal)] : await openShards(source, signal)
  const tensors = new Map<string, CheckpointTensor>()
  for (const { file, header } of shards) {
    for (const [name, entry] of header.tensors) tensors.set(name, { ...entry, file: file.name })
  }
  return {
    tensors,
    files: shards.map(({ file: { name, size } }) => ({ name, size })),
    identity: async () => {
      try {
        const identities = await Promise.all(shards.map(({ file }) => identityOf(file, signal)))
        return identities.includes(undefined) ? undefined : identities.join('\n')
      } catch (error) {
        if (isFileChanged(error)) return undefined
        throw error
      }
    },
    async streamTensors(wanted, onChunk, options = {}) {
      const byFile = groupByFile(source.name, tensors, wanted)
      for (const shard of shards) {
        const tensorsOfFile = byFile.get(shard.file.name)
        if (tensorsOfFile) await streamShard(source, shard, tensorsOfFile, onChunk, options)
      }
    },
  }
}

async function openShards(source: ModelSource, signal: AbortSignal | undefined): Promise<Shard[]> {
  if (!(await source.exists(INDEX))) {
    throw modelLoadError(`${source.name} has neither ${SINGLE} nor ${INDEX}; only checkpoints in the safetensors format can be loaded.`)
  }
  const weightMap = parseShardIndex(INDEX, await source.json(INDEX))
  const names = [...new Set(weightMap.values())].sort()
  const shards: Shard[] = []
  for (let first = 0; first < names.length; first += PARALLEL_HEADERS) {
    const some = names.slice(first, first + PARALLEL_HEADERS)
    shards.push(...(await Promise.all(some.map((name) => openShard(source, name, signal)))))
  }
  checkAgreement(INDEX, weightMap, new Map(shards.map(({ name, header }) => [name, header.tensors.keys()])))
  return shards
}

async function openShard(source: ModelSource, name: string, signal: AbortSignal | undefined): Promise<Shard> {
  return await withRestarts(async () => {
    signal?.throwIfAborted()
    const file = await source.open(name)
    const read = (begin: number, end: number) => file.read(begin, end, signal)
    return { name, file, header: await readSafetensorsHeader({ name, size: file.size, read }) }
  })
}

function groupByFile(
  sourceName: string,
  tensors: ReadonlyMap<string, CheckpointTensor>,
  wanted: readonly WantedTensor[],
): Map<string, WantedTensor[]> {
  const seen = new Set<string>()
  const byFile = new Map<string, WantedTensor[]>()
  const missing: string[] = []
  for (const want of wanted) {
    const tensor = tensors.get(want.name)
    if (!tensor) missing.push(want.name)
    else if (seen.has(want.name)) throw modelLoadError(`Tensor '${want.name}' was asked for twice in one reading of ${sourceName}.`)
    else if (!(want.rowBytes > 0)) throw modelLoadError(`Tensor '${want.name}' was asked for in rows of ${want.rowBytes} bytes.`)
    else getOrInsert(byFile, tensor.file).push(want)
    seen.add(want.name)
  }
  if (missing.length > 0) throw modelLoadError(`${sourceName} has no tensor ${missing.map((name) => `'${name}'`).join(', ')}.`)
  return byFile
}

function getOrInsert<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}

async function streamShard(
  source: ModelSource,
  opened: Shard,
  wanted: readonly WantedTensor[],
  onChunk: OnChunk,
  { signal, onProgress, onReplaced, chunkBytes = CHUNK_BYTES }: StreamOptions,
): Promise<void> {
  let shard = opened
  await withRestarts(async (again) => {
    if (again) {
      onReplaced?.(opened.file.name)
      shard = await reopen(source, opened, signal)
    }
    const { file, header } = shard
    const tensors = wanted.map((want) => place(header, want))
    // Where every read starts over at byte 0, one read has to do.
    const runs = planRuns(tensors, file.ranged ? LARGEST_GAP : file.size)
    const total = runs.reduce((sum, run) => sum + run.end - run.begin, 0)
    let loaded = 0
    onProgress?.(file.name, 0, total)
    const onBytes = (count: number) => {
      loaded += count
      onProgress?.(file.name, loaded, total)
    }
    for (const run of runs) {
      signal?.throwIfAborted()
      await streamRun(file, run, { onChunk, chunkBytes, onBytes, signal })
    }
  })
}

function place(header: SafetensorsHeader, { name, rowBytes, begin = 0, end }: WantedTensor): StreamedTensor {
  const whole = header.tensors.get(name) as TensorEntry
  return { name, rowBytes, skipped: begin, begin: whole.begin + begin, end: end === undefined ? whole.end : whole.begin + end }
}

/** Opens a file that was replaced. Its tensors may lie elsewhere now, but must be the same in name, type and shape. */
async function reopen(source: ModelSource, { name: shardName, file, header }: Shard, signal: AbortSignal | undefined): Promise<Shard> {
  const shard = await openShard(source, shardName, signal)
  const kind = (entry: TensorEntry | undefined) => entry && `${entry.dtype} [${entry.shape.join(', ')}]`
  for (const [name, entry] of header.tensors) {
    const now = kind(shard.header.tensors.get(name))
    if (now !== kind(entry)) {
      throw modelLoadError(
        `${file.name} was replaced while it was being read: '${name}' was ${kind(entry)}, now ${now ?? 'missing'}. Load the model again.`,
      )
    }
  }
  return shard
}

/** Does `work` anew when the file under it was replaced, a few times at most. */
async function withRestarts<T>(work: (again: boolean) => Promise<T>): Promise<T> {
  for (let restarts = 0; ; restarts++) {
    try {
      return await work(restarts > 0)
    } catch (error) {
      if (!isFileChanged(error) || restarts === RESTARTS) throw error
    }
  }
}
