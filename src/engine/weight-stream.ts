import type { CacheRoot } from '../cache/cache-root.ts'
import { type BlockSink, type CachedWeights, loadThroughCache } from '../cache/weight-cache.ts'
import type { Gpu } from '../gpu/device.ts'
import { bufferOf } from '../gpu/program.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { WeightFormat } from '../layers/weights.ts'
import { modelLoadError } from '../util/errors.ts'
import { sha256OfText } from '../util/sha256.ts'
import { CHUNK_BYTES, type Checkpoint } from '../weights/checkpoint.ts'
import { bytesPerRow, CONVERSION, type ConvertedRows, dtypeBytes, type StoredDtype } from '../weights/convert.ts'
import { BLOCK_BYTES, type Block, type Piece, planBlocks, rangesOf } from '../weights/weight-blocks.ts'
import { FileProgress, type TellProgress } from './file-progress.ts'
import type { LoadTimes } from './load-times.ts'
import { OrderedWork } from './ordered-work.ts'
import { convertHere, type MakeConverter, type RowConverter } from './row-converter.ts'

/** Where a checkpoint tensor's rows go. */
export interface WeightTarget {
  /** The tensor's name in its file. */
  readonly stored: string
  readonly dtype: StoredDtype
  /** In the checkpoint. */
  readonly bytes: number
  readonly cols: number
  readonly format: WeightFormat
  readonly data: Tensor
  readonly scales: Tensor | undefined
  /** Rows of `data` before this tensor's. */
  readonly rowOffset: number
  /** The file has columns for rows. */
  readonly transposed?: boolean
}

/** Where converted weights are kept for the next visit. */
export interface WeightKeeping {
  readonly root: CacheRoot
  /** For people: the model as it was named, and how it is stored. */
  readonly model: string
  readonly recipe: string
  readonly maxBytes?: number | undefined
  /** Keys of other entries that this load needs. */
  readonly keep?: readonly string[]
  /** Told why the weights cannot be kept. */
  readonly warn: (why: string) => void
}

/** How weights are streamed. */
export interface StreamWeightsOptions {
  readonly onProgress?: TellProgress
  readonly signal?: AbortSignal
  /** Default: nowhere. */
  readonly keeping?: WeightKeeping | undefined
  /** Counts what loading takes. */
  readonly times?: LoadTimes
  /** What converts rows, for so many bytes of the checkpoint. Default: this thread does. */
  readonly makeConverter?: MakeConverter | undefined
  /** Most bytes of the checkpoint converted at a time (default 8 MB), and bytes at which a block of the cache is closed (16 MiB). */
  readonly chunkBytes?: number
  readonly blockBytes?: number
}

/** Reads weights to their GPU buffers: from the cache what lies there, in large pieces, and the rest from the checkpoint. */
export async function streamWeights(
  gpu: Gpu,
  checkpoint: Checkpoint,
  targets: readonly WeightTarget[],
  options: StreamWeightsOptions,
): Promise<void> {
  const start = performance.now()
  await streamOrRead(new WeightStream(gpu, checkpoint, inFileOrder(checkpoint, targets), options), options)
  if (options.times) options.times.total += performance.now() - start
}

async function streamOrRead(stream: WeightStream, { keeping, signal }: StreamWeightsOptions): Promise<void> {
  const weights = keeping && (await stream.describe(keeping))
  if (!keeping || !weights) return stream.fetchAll()
  try {
    await loadThroughCache(keeping.root, weights, {
      take: (block, bytes) => stream.take(block, bytes),
      fetch: (missing, sink) => stream.fetch(missing, sink),
      signal,
      warn: keeping.warn,
      maxBytes: keeping.maxBytes,
      keep: keeping.keep,
    })
  } catch (error) {
    if (!(error instanceof ReplacedError)) throw error
    return stream.fetchAll()
  }
  stream.finish()
}

/** A file is another one than that whose weights have been taken from the cache. */
class ReplacedError extends Error {}

/** Bytes written to the GPU before the queue is waited for: what it has not taken yet lies in memory a second time. */
const MOST_AHEAD = 1 << 26

class WeightStream {
  readonly #gpu: Gpu
  readonly #checkpoint: Checkpoint
  readonly #targets: ReadonlyMap<string, WeightTarget>
  readonly #options: StreamWeightsOptions
  readonly #chunkBytes: number
  readonly #blocks: readonly Block[]
  readonly #progress: FileProgress
  readonly #taken = new Set<number>()
  #ahead = 0
  /** Milliseconds that converted rows took on their way to the GPU and the cache. */
  #aside = 0

  constructor(gpu: Gpu, checkpoint: Checkpoint, targets: readonly WeightTarget[], options: StreamWeightsOptions) {
    this.#gpu = gpu
    this.#checkpoint = checkpoint
    this.#targets = new Map(targets.map((target) => [target.stored, target]))
    this.#options = options
    this.#chunkBytes = options.chunkBytes ?? CHUNK_BYTES
    this.#blocks = planBlocks(targets.map(blockTensor), this.#chunkBytes, options.blockBytes ?? BLOCK_BYTES)
    const sizes = targets.map(({ stored, bytes }) => ({ name: stored, bytes }))
    this.#progress = new FileProgress(sizes, (name) => checkpoint.tensors.get(name)?.file ?? '', options.onProgress)
  }

  /** The cache's entry; undefined where the checkpoint cannot be told from another one. */
  async describe({ model, recipe }: WeightKeeping): Promise<CachedWeights | undefined> {
    const identity = await this.#checkpoint.identity?.()
    if (identity === undefined) return undefined
    const tensors = [...this.#targets.values()].map(({ stored, dtype, bytes, cols, format, transposed }) => [
      ...[stored, this.#checkpoint.tensors.get(stored)?.begin, dtype, bytes, cols],
      ...[format, transposed === true],
    ])
    const key = await sha256OfText(JSON.stringify([CONVERSION, identity, tensors]))
    return { key, model, recipe, sizes: this.#blocks.map(({ bytes }) => bytes) }
  }

  /** Uploads a block from the cache. */
  async take(block: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { pieces } = this.#blocks[block] as Block
    const start = performance.now()
    for (const { name, offset, at, data, scales } of pieces) {
      const converted = { data: bytes.subarray(at, at + data), scales: bytes.subarray(at + data, at + data + scales) }
      this.#upload(this.#target(name), offset, converted)
    }
    this.#taken.add(block)
    this.#progress.cached(pieces)
    await this.#settle()
    const bytesOfFile = pieces.reduce((sum, { length }) => sum + length, 0)
    this.#count({ upload: performance.now() - start, bytes: bytesOfFile })
  }

  fetchAll(): Promise<void> {
    this.#progress.restart()
    this.#taken.clear()
    return this.fetch([...this.#blocks.keys()], undefined)
  }

  /** Streams, converts and uploads the missing blocks, and gives them to the cache. */
  async fetch(missing: readonly number[], sink: BlockSink | undefined): Promise<void> {
    for (const block of missing) if (this.#taken.delete(block)) this.#progress.lost(this.#blocks[block]?.pieces ?? [])
    const ranges = rangesOf(this.#blocks, missing)
    const wanted = [...this.#targets.values()].flatMap((target) => {
      const range = ranges.get(target.stored)
      return range ? [{ name: target.stored, rowBytes: rowBytesOf(target), ...range }] : []
    })
    const gathering = sink && new Gathering(this.#blocks, missing, sink)
    const converter = this.#options.makeConverter?.(wanted.reduce((sum, { begin, end }) => sum + end - begin, 0)) ?? HERE
    const work = new OrderedWork(converter.width)
    const onChunk = (name: string, offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
      const target = this.#target(name)
      const length = bytes.length
      const finish = async (converted: ConvertedRows): Promise<void> => {
        checkOverflow(target, converted)
        const start = performance.now()
        this.#upload(target, offset, converted)
        await this.#settle()
        this.#count({ upload: performance.now() - start, bytes: length })
        await gathering?.add(name, offset, converted)
        this.#aside += performance.now() - start
      }
      const { dtype, cols, format, transposed = false } = target
      return this.#waitFor(() => work.add(name, () => converter.convert({ bytes, dtype, cols, format, transposed }), finish))
    }
    const onReplaced = (): void => {
      sink?.abandon()
      if (this.#taken.size > 0) throw new ReplacedError()
    }
    const { signal } = this.#options
    try {
      const onProgress = this.#progress.streamed
      await this.#checkpoint.streamTensors(wanted, onChunk, { signal, onProgress, onReplaced, chunkBytes: this.#chunkBytes })
      await this.#waitFor(() => work.end())
    } finally {
      // What has been begun writes to buffers that whoever is told of a failure may free.
      await work.settle()
      converter.close()
    }
  }

  /** Counts waiting as conversion, as far as it is not for the GPU's queue or the cache. */
  async #waitFor(work: () => Promise<void>): Promise<void> {
    const { times } = this.#options
    const [start, aside] = [performance.now(), this.#aside]
    await work()
    if (times) times.convert += Math.max(0, performance.now() - start - (this.#aside - aside))
  }

  #count({ upload, bytes }: { upload: number; bytes: number }): void {
    const { times } = this.#options
    if (!times) return
    times.upload += upload
    times.bytes += bytes
  }

  /** Tells of files of which nothing had to be streamed. */
  finish(): void {
    this.#progress.finish()
  }

  #target(name: string): WeightTarget {
    return this.#targets.get(name) as WeightTarget
  }

  #upload(
    { dtype, cols, format, rowOffset, data, scales }: WeightTarget,
    offset: number,
    converted: Omit<ConvertedRows, 'overflow'>,
  ): void {
    const row = rowOffset + offset / (cols * dtypeBytes[dtype])
    const perRow = bytesPerRow(format, cols)
    this.#gpu.write(bufferOf(data), row * perRow.data, converted.data)
    if (converted.scales && scales) this.#gpu.write(bufferOf(scales), row * perRow.scales, converted.scales)
    this.#ahead += converted.data.length + (converted.scales?.length ?? 0)
  }

  async #settle(): Promise<void> {
    if (this.#ahead < MOST_AHEAD) return
    this.#ahead = 0
    const { queue } = this.#gpu.device
    queue.submit([])
    await queue.onSubmittedWorkDone()
  }
}

/** Puts converted rows together to blocks, and gives those that are whole to the cache. */
class Gathering {
  readonly #pieces: ReadonlyMap<string, Piece>
  readonly #blocks: readonly Block[]
  readonly #sink: BlockSink
  readonly #open = new Map<number, { bytes: Uint8Array<ArrayBuffer>; left: number }>()

  constructor(blocks: readonly Block[], missing: readonly number[], sink: BlockSink) {
    const pieces = missing.flatMap((block) => blocks[block]?.pieces ?? [])
    this.#pieces = new Map(pieces.map((piece) => [`${piece.name} ${piece.offset}`, piece]))
    this.#blocks = blocks
    this.#sink = sink
  }

  async add(name: string, offset: number, { data, scales }: ConvertedRows): Promise<void> {
    const piece = this.#pieces.get(`${name} ${offset}`)
    if (!piece) return
    const { pieces, bytes: size } = this.#blocks[piece.block] as Block
    const block = this.#open.get(piece.block) ?? { bytes: new Uint8Array(size), left: pieces.length }
    block.bytes.set(data, piece.at)
    if (scales) block.bytes.set(scales, piece.at + piece.data)
    block.left--
    if (block.left > 0) {
      this.#open.set(piece.block, block)
      return
    }
    this.#open.delete(piece.block)
    await this.#sink.store(piece.block, block.bytes)
  }
}

/**
 * Rows that stay together: two, as writes to the GPU are in words of four bytes and a row's scales may be two bytes short of one; all of a
 * matrix that is to be transposed.
 */
const rowBytesOf = ({ bytes, cols, dtype, transposed }: WeightTarget): number => (transposed ? bytes : 2 * cols * dtypeBytes[dtype])

function blockTensor(target: WeightTarget): Parameters<typeof planBlocks>[0][number] {
  const { stored: name, bytes, cols, dtype, format } = target
  const rowBytes = rowBytesOf(target)
  const rows = rowBytes / (cols * dtypeBytes[dtype])
  const { data, scales } = bytesPerRow(format, cols)
  return { name, bytes, rowBytes, rowData: rows * data, rowScales: rows * scales }
}

function inFileOrder({ files, tensors }: Checkpoint, targets: readonly WeightTarget[]): WeightTarget[] {
  const places = new Map(files.map(({ name }, place) => [name, place]))
  const placeOf = ({ stored }: WeightTarget): readonly [number, number] => {
    const { file = '', begin = 0 } = tensors.get(stored) ?? {}
    return [places.get(file) ?? 0, begin]
  }
  return targets.toSorted((a, b) => {
    const [[fileA, beginA], [fileB, beginB]] = [placeOf(a), placeOf(b)]
    return fileA - fileB || beginA - beginB
  })
}

/** This thread as a converter. */
const HERE: RowConverter = { width: 1, convert: convertHere, close: () => {} }

function checkOverflow({ stored, format }: WeightTarget, { overflow }: ConvertedRows): void {
  if (overflow === 0) return
  throw modelLoadError(
    `Tensor '${stored}' has ${overflow} values that ${format} cannot hold; load with dtype: 'float32' and no quantization.`,
  )
}
