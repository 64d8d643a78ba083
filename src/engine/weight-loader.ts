import type { Gpu } from '../gpu/device.ts'
import { bufferOf } from '../gpu/program.ts'
import { byteSize, elementCount, type Tensor } from '../gpu/tensor.ts'
import type { LinearPart, LinearWeight, WeightFormat, WeightReader, WeightRole } from '../layers/weights.ts'
import type { QuantizationOption } from '../protocol/engine-api.ts'
import { modelLoadError } from '../util/errors.ts'
import type { Checkpoint, CheckpointTensor } from '../weights/checkpoint.ts'
import { bytesPerRow, columnMultiple, convertRows, dtypeBytes, type FloatDtype, isFloatDtype, transposeRows } from '../weights/convert.ts'
import { canonicalNames, isUnused } from '../weights/key-names.ts'
import type { LoadTimes } from './load-times.ts'

/** Where a checkpoint tensor's rows go. */
interface Target {
  /** The tensor's name in its file. */
  readonly stored: string
  readonly dtype: FloatDtype
  readonly cols: number
  readonly format: WeightFormat
  readonly data: Tensor
  readonly scales: Tensor | undefined
  /** Rows of `data` before this tensor's. */
  readonly rowOffset: number
  /** The file has columns for rows. */
  readonly transposed?: boolean
}

/** How weights are stored and who is told. */
export interface WeightOptions {
  readonly modelType: string
  readonly dtype: 'float16' | 'float32'
  readonly quantization: QuantizationOption
  /** Leaves out a head of its own, which nothing then may read. */
  readonly withoutHead?: boolean
  readonly onProgress?: (file: string, loaded: number, total: number) => void
  readonly signal?: AbortSignal
  /** Counts what loading takes. */
  readonly times?: LoadTimes
}

/** Bytes given to the GPU before it is waited for: copies of all that it has not taken yet are kept for it. */
const MOST_WAITING = 256 * 2 ** 20

/**
 * Reads a checkpoint's weights to the GPU: `declare` names them all, missing, misshapen and unused ones are reported in one error,
 * memory is set aside, and the files are streamed and converted row by row, so that no tensor is ever whole in memory.
 * Errors: ModelLoadError.
 */
export async function loadWeights<W>(
  gpu: Gpu,
  checkpoint: Checkpoint,
  declare: (reader: WeightReader) => W,
  options: WeightOptions,
): Promise<W> {
  const loader = new WeightLoader(gpu, checkpoint, options)
  const weights = declare(loader.reader(''))
  loader.check()
  await gpu.guardAllocations(`the weights (${options.dtype}, quantization ${options.quantization})`, () => loader.allocate())
  const start = performance.now()
  await loader.stream()
  if (options.times) options.times.total += performance.now() - start
  return weights
}

type LinearOptions = Parameters<WeightReader['linear']>[2]

class WeightLoader {
  readonly #gpu: Gpu
  readonly #checkpoint: Checkpoint
  readonly #options: WeightOptions
  readonly #stored: ReadonlyMap<string, string>
  readonly #used = new Set<string>()
  readonly #missing: string[] = []
  readonly #misshapen: string[] = []
  readonly #targets: Target[] = []
  readonly #tensors: Tensor[] = []
  #head = false
  /** Bytes given to the GPU since it was last waited for. */
  #waiting = 0

  constructor(gpu: Gpu, checkpoint: Checkpoint, options: WeightOptions) {
    this.#gpu = gpu
    this.#checkpoint = checkpoint
    this.#options = options
    this.#stored = canonicalNames(options.modelType, checkpoint.tensors.keys())
  }

  reader(prefix: string): WeightReader {
    return {
      scope: (name) => this.reader(`${prefix}${name}.`),
      has: (name) => this.#stored.has(prefix + name),
      skip: (name) => this.#skip(`${prefix}${name}.`),
      tensor: (name, shape) => this.#vector(prefix + name, shape),
      linear: (parts, cols, options) => {
        const list = Array.isArray(parts) ? (parts as readonly LinearPart[]) : [parts as LinearPart]
        return this.#linear(
          list.map((part) => ({ ...part, name: prefix + part.name })),
          cols,
          options,
        )
      },
    }
  }

  /** One error for everything that does not fit. */
  check(): void {
    const unused = [...this.#stored.keys()].filter((name) => !this.#used.has(name) && !isUnused(this.#options.modelType, name, !this.#head))
    const parts = [
      describe('missing', this.#missing),
      describe('of another shape or type', this.#misshapen),
      describe('not used by this model', unused),
    ].filter((part) => part !== '')
    if (parts.length === 0) return
    throw modelLoadError(
      `The checkpoint does not fit model_type ${this.#options.modelType}: ${parts.join('; ')}. Is it the right config.json?`,
    )
  }

  allocate(): void {
    for (const tensor of this.#tensors) {
      tensor.storage.buffer = bufferOf(this.#gpu.allocate(tensor.dtype, tensor.shape, 'weight'))
    }
  }

  async stream(): Promise<void> {
    const byName = new Map(this.#targets.map((target) => [target.stored, target]))
    // Two rows at a time, as writes to the GPU are in words of four bytes and a row's scales may be two bytes short of one. A matrix that
    // is to be transposed comes whole.
    const wanted = this.#targets.map(({ stored, dtype, cols, transposed }) => ({
      name: stored,
      rowBytes: transposed ? this.#bytesOf(stored, dtype) : 2 * cols * dtypeBytes[dtype],
    }))
    const { signal, onProgress } = this.#options
    await this.#checkpoint.streamTensors(wanted, (name, at, bytes) => this.#write(byName.get(name) as Target, at, bytes), {
      signal,
      onProgress,
    })
  }

  #bytesOf(stored: string, dtype: FloatDtype): number {
    return elementCount(this.#checkpoint.tensors.get(stored)?.shape ?? []) * dtypeBytes[dtype]
  }

  async #write(target: Target, byteOffset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { times } = this.#options
    const start = performance.now()
    const { dtype, cols, format, data, scales } = target
    const row = target.rowOffset + byteOffset / (cols * dtypeBytes[dtype])
    const rows = convertRows(target.transposed ? transposeRows(bytes, dtype, cols) : bytes, dtype, cols, format)
    if (rows.overflow > 0) {
      throw modelLoadError(
        `Tensor '${target.stored}' has ${rows.overflow} values that ${format} cannot hold; load with dtype: 'float32' and no quantization.`,
      )
    }
    const converted = performance.now()
    const perRow = bytesPerRow(format, cols)
    this.#gpu.write(bufferOf(data), row * perRow.data, rows.data)
    if (rows.scales && scales) this.#gpu.write(bufferOf(scales), row * perRow.scales, rows.scales)
    await this.#waitForGpu(rows.data.length + (rows.scales?.length ?? 0))
    if (!times) return
    times.convert += converted - start
    times.upload += performance.now() - converted
    times.bytes += bytes.length
  }

  /** Lets the GPU catch up: faster conversion than upload would fill memory with copies that wait. */
  async #waitForGpu(written: number): Promise<void> {
    this.#waiting += written
    if (this.#waiting < MOST_WAITING) return
    this.#waiting = 0
    await this.#gpu.device.queue.onSubmittedWorkDone()
  }

  /** Finds a tensor of this shape (given several axes it may have, only the flattened one counts) and marks it used. */
  #find(name: string, shape: readonly number[]): CheckpointTensor | undefined {
    const tensor = this.#checkpoint.tensors.get(this.#stored.get(name) ?? '')
    if (!tensor) {
      this.#missing.push(`'${name}'`)
      return undefined
    }
    this.#used.add(name)
    const sameRows = shape.length !== 2 || tensor.shape[0] === shape[0]
    if (elementCount(tensor.shape) !== elementCount(shape) || !sameRows || !isFloatDtype(tensor.dtype)) {
      this.#misshapen.push(`'${name}' is ${tensor.dtype} [${tensor.shape}], expected [${shape}] of BF16, F16 or F32`)
      return undefined
    }
    return tensor
  }

  #skip(prefix: string): void {
    for (const name of this.#stored.keys()) if (name.startsWith(prefix)) this.#used.add(name)
  }

  #vector(name: string, shape: readonly number[]): Tensor {
    const data = this.#declare('f32', shape)
    this.#fill(name, shape, { cols: elementCount(shape), format: 'f32', data, scales: undefined, rowOffset: 0 })
    return data
  }

  #linear(parts: readonly LinearPart[], cols: number, { role, bias: withBias, transposed = false }: LinearOptions): LinearWeight {
    const rows = parts.reduce((sum, part) => sum + part.rows, 0)
    if (this.#options.withoutHead && parts.every(isHead)) return leftOut(rows, cols)
    const format = formatFor(this.#options, role, cols, parts)
    const perRow = bytesPerRow(format, cols)
    const data =
      format === 'f32' || format === 'f16' ? this.#declare(format, [rows, cols]) : this.#declare('u32', [(rows * perRow.data) / 4])
    const scales = perRow.scales > 0 ? this.#declare('f16', [(rows * perRow.scales) / 2]) : undefined
    const bias = withBias ? this.#declare('f32', [rows]) : undefined
    let rowOffset = 0
    for (const part of parts) {
      if (isHead(part)) this.#head = true
      this.#fill(`${part.name}.weight`, transposed ? [cols, part.rows] : [part.rows, cols], {
        cols,
        format,
        data,
        scales,
        rowOffset,
        transposed,
      })
      // Memory that nothing is written to is zero.
      if (bias && part.bias !== false)
        this.#fill(`${part.name}.bias`, [part.rows], { cols: 1, format: 'f32', data: bias, scales: undefined, rowOffset })
      rowOffset += part.rows
    }
    return { format, rows, cols, data, scales, bias }
  }

  #fill(name: string, shape: readonly number[], target: Omit<Target, 'stored' | 'dtype'>): void {
    const tensor = this.#find(name, shape)
    if (tensor) this.#targets.push({ ...target, stored: this.#stored.get(name) as string, dtype: tensor.dtype as FloatDtype })
  }

  /** A tensor whose memory comes with allocate(). */
  #declare(dtype: Tensor['dtype'], shape: readonly number[]): Tensor {
    const tensor: Tensor = { storage: { buffer: undefined, bytes: byteSize(dtype, shape) }, offset: 0, shape, dtype }
    this.#tensors.push(tensor)
    return tensor
  }
}

const isHead = ({ name }: LinearPart): boolean => /(^|\.)lm_head$/.test(name)

/** A matrix without memory. */
const leftOut = (rows: number, cols: number): LinearWeight => ({
  format: 'f32',
  rows,
  cols,
  data: { storage: { buffer: undefined, bytes: 0 }, offset: 0, shape: [rows, cols], dtype: 'f32' },
  scales: undefined,
  bias: undefined,
})

/** How far quantization goes for a role, as far as the matrix's shape allows. */
function formatFor({ dtype, quantization }: WeightOptions, role: WeightRole, cols: number, parts: readonly LinearPart[]): WeightFormat {
  const plain: WeightFormat = dtype === 'float32' || cols % columnMultiple.f16 !== 0 ? 'f32' : 'f16'
  if (quantization === 'none' || role === 'encoder') return plain
  const format = role === 'table' ? 'q8' : quantization
  if (cols % columnMultiple[format] !== 0) return plain
  const wholeWords = bytesPerRow(format, cols).scales % 4 === 0 || parts.every((part) => part.rows % 2 === 0)
  return wholeWords ? format : plain
}

/** The first few names of a list, and how many there are. */
function describe(what: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const more = names.length > 8 ? ` and ${names.length - 8} more` : ''
  return `${names.length} tensor(s) ${what}: ${names.slice(0, 8).join(', ')}${more}`
}
