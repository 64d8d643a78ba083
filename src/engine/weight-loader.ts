import type { Gpu } from '../gpu/device.ts'
import { bufferOf } from '../gpu/program.ts'
import { byteSize, elementCount, type Tensor } from '../gpu/tensor.ts'
import type { LinearPart, LinearWeight, WeightFormat, WeightReader, WeightRole } from '../layers/weights.ts'
import type { QuantizationOption } from '../protocol/engine-api.ts'
import { modelLoadError } from '../util/errors.ts'
import type { Checkpoint, CheckpointTensor } from '../weights/checkpoint.ts'
import { bytesPerRow, columnMultiple, dtypeBytes, isFloatDtype, type StoredDtype } from '../weights/convert.ts'
import { canonicalNames, isUnused } from '../weights/key-names.ts'
import { isPackedDtype } from '../weights/packed.ts'
import { type StreamWeightsOptions, streamWeights, type WeightTarget } from './weight-stream.ts'

/** How weights are stored and who is told. */
export interface WeightOptions extends StreamWeightsOptions {
  readonly modelType: string
  readonly dtype: 'float16' | 'float32'
  readonly quantization: QuantizationOption
  /** Leaves out a head of its own, which nothing then may read. */
  readonly withoutHead?: boolean
  /** Most bytes that a shader can see of one buffer: tables that would be larger are stored as q8, or q4. Default: no limit. */
  readonly bindable?: number
}

/** Weights that have been named and found, but have no memory yet. */
export interface PlannedWeights<W> {
  readonly weights: W
  /** GPU bytes of all, and of the largest buffer with the name of the tensor that it is for. */
  readonly bytes: number
  readonly largest: { readonly name: string; readonly bytes: number }
  /** Sets the memory aside, without a wait. Errors: ModelLoadError for a buffer that the adapter does not allow. */
  allocate(): void
  /** Reads the weights to their memory. Errors: ModelLoadError; the signal's reason. */
  stream(): Promise<void>
}

/**
 * Plans a checkpoint's weights for the GPU: `declare` names them all, and missing, misshapen and unused ones are reported in one error.
 * Errors: ModelLoadError.
 */
export function planWeights<W>(
  gpu: Gpu,
  checkpoint: Checkpoint,
  declare: (reader: WeightReader) => W,
  options: WeightOptions,
): PlannedWeights<W> {
  const loader = new WeightLoader(gpu, checkpoint, options)
  const weights = declare(loader.reader(''))
  loader.check()
  return {
    weights,
    ...loader.sizes(),
    allocate: () => loader.allocate(),
    stream: () => streamWeights(gpu, checkpoint, loader.targets, options),
  }
}

/**
 * Reads a checkpoint's weights to the GPU: planned as planWeights does, then streamed and converted row by row, so that no tensor is ever
 * whole in memory. Errors: ModelLoadError.
 */
export async function loadWeights<W>(
  gpu: Gpu,
  checkpoint: Checkpoint,
  declare: (reader: WeightReader) => W,
  options: WeightOptions,
): Promise<W> {
  const { weights, allocate, stream } = planWeights(gpu, checkpoint, declare, options)
  await gpu.guardAllocations(`the weights (${options.dtype}, quantization ${options.quantization})`, allocate)
  await stream()
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
  readonly targets: WeightTarget[] = []
  readonly #tensors: { tensor: Tensor; name: string }[] = []
  #head = false

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
    const { optional } = this.#checkpoint
    const unused = [...this.#stored]
      .filter(([name, stored]) => !this.#used.has(name) && !optional?.has(stored) && !isUnused(this.#options.modelType, name, !this.#head))
      .map(([name]) => name)
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

  sizes(): Pick<PlannedWeights<unknown>, 'bytes' | 'largest'> {
    const sizes = this.#tensors.map(({ tensor, name }) => ({ name, bytes: tensor.storage.bytes }))
    const largest = sizes.reduce((most, size) => (size.bytes > most.bytes ? size : most), { name: '', bytes: 0 })
    return { bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0), largest }
  }

  allocate(): void {
    for (const { tensor, name } of this.#tensors) {
      tensor.storage.buffer = bufferOf(this.#gpu.allocate(tensor.dtype, tensor.shape, name))
    }
  }

  /** Finds a tensor of this shape (given several axes it may have, only the flattened one counts) and marks it used. */
  #find(name: string, shape: readonly number[], packable: boolean): CheckpointTensor | undefined {
    const tensor = this.#checkpoint.tensors.get(this.#stored.get(name) ?? '')
    if (!tensor) {
      this.#missing.push(`'${name}'`)
      return undefined
    }
    this.#used.add(name)
    const sameRows = shape.length !== 2 || tensor.shape[0] === shape[0]
    if (
      elementCount(tensor.shape) !== elementCount(shape) ||
      !sameRows ||
      !(isFloatDtype(tensor.dtype) || (packable && isPackedDtype(tensor.dtype)))
    ) {
      this.#misshapen.push(`'${name}' is ${tensor.dtype} [${tensor.shape}], expected [${shape}] of BF16, F16 or F32`)
      return undefined
    }
    return tensor
  }

  #skip(prefix: string): void {
    for (const name of this.#stored.keys()) if (name.startsWith(prefix)) this.#used.add(name)
  }

  #vector(name: string, shape: readonly number[]): Tensor {
    const data = this.#declare(name, 'f32', shape)
    this.#fill(name, shape, { cols: elementCount(shape), format: 'f32', data, scales: undefined, rowOffset: 0 })
    return data
  }

  #linear(parts: readonly LinearPart[], cols: number, { role, bias: withBias, transposed = false }: LinearOptions): LinearWeight {
    const rows = parts.reduce((sum, part) => sum + part.rows, 0)
    if (this.#options.withoutHead && parts.every(isHead)) return leftOut(rows, cols)
    const format = formatFor(this.#options, role, cols, parts, this.#packedFormat(parts))
    const perRow = bytesPerRow(format, cols)
    const declare = (dtype: Tensor['dtype'], shape: readonly number[]): Tensor => this.#declare(parts[0]?.name ?? '', dtype, shape)
    const data = format === 'f32' || format === 'f16' ? declare(format, [rows, cols]) : declare('u32', [(rows * perRow.data) / 4])
    const scales = perRow.scales > 0 ? declare('f16', [(rows * perRow.scales) / 2]) : undefined
    const bias = withBias ? declare('f32', [rows]) : undefined
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

  /** The format of parts that come quantized: 'q4', or 'q8' where one needs it; 'plain' where only some do; undefined where none does. */
  #packedFormat(parts: readonly LinearPart[]): 'q4' | 'q8' | 'plain' | undefined {
    const dtypes = parts.map(({ name }) => this.#checkpoint.tensors.get(this.#stored.get(`${name}.weight`) ?? '')?.dtype ?? '')
    if (!dtypes.some(isPackedDtype)) return undefined
    if (!dtypes.every(isPackedDtype)) return 'plain'
    return dtypes.includes('Q8') ? 'q8' : 'q4'
  }

  #fill(name: string, shape: readonly number[], target: Omit<WeightTarget, 'stored' | 'dtype' | 'bytes'>): void {
    // Packed rows are rows of whole groups.
    const tensor = this.#find(name, shape, name.endsWith('.weight') && target.cols > 1 && !target.transposed && shape.length === 2)
    if (!tensor) return
    const dtype = tensor.dtype as StoredDtype
    const bytes = elementCount(tensor.shape) * dtypeBytes[dtype]
    this.targets.push({ ...target, stored: this.#stored.get(name) as string, dtype, bytes })
  }

  /** A tensor whose memory comes with allocate(). */
  #declare(name: string, dtype: Tensor['dtype'], shape: readonly number[]): Tensor {
    const tensor: Tensor = { storage: { buffer: undefined, bytes: byteSize(dtype, shape) }, offset: 0, shape, dtype }
    this.#tensors.push({ tensor, name })
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

/** How far quantization goes for a role, as far as the matrix's shape allows. What comes quantized stays as it is. */
function formatFor(
  options: WeightOptions,
  role: WeightRole,
  cols: number,
  parts: readonly LinearPart[],
  packed: 'q4' | 'q8' | 'plain' | undefined,
): WeightFormat {
  const { dtype, quantization, bindable = Number.POSITIVE_INFINITY } = options
  const plain: WeightFormat = dtype === 'float32' || cols % columnMultiple.f16 !== 0 ? 'f32' : 'f16'
  const isPossible = (format: WeightFormat): boolean => {
    if (cols % columnMultiple[format] !== 0) return false
    return bytesPerRow(format, cols).scales % 4 === 0 || parts.every((part) => part.rows % 2 === 0)
  }
  const chosen = quantization === 'none' ? plain : role === 'table' ? 'q8' : quantization
  const asked = role === 'encoder' || packed === 'plain' ? plain : (packed ?? chosen)
  const format = isPossible(asked) ? asked : plain
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const isBindable = (each: WeightFormat): boolean => rows * bytesPerRow(each, cols).data <= bindable
  if (role !== 'table' || isBindable(format)) return format
  // A vocabulary of a quarter million words outgrows what some adapters can bind.
  return (['q8', 'q4'] as const).find((each) => isPossible(each) && isBindable(each)) ?? format
}

/** The first few names of a list, and how many there are. */
function describe(what: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const more = names.length > 8 ? ` and ${names.length - 8} more` : ''
  return `${names.length} tensor(s) ${what}: ${names.slice(0, 8).join(', ')}${more}`
}
