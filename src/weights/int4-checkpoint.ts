import { modelLoadError } from '../util/errors.ts'
import { CHUNK_BYTES, type Checkpoint, type CheckpointTensor, type WantedTensor } from './checkpoint.ts'
import { checkGroups, type Int4Format, type Int4Matrix, packedDtypeOf, packRows } from './int4-layouts.ts'
import { packedBytes } from './packed.ts'
import { QUANT_GROUP } from './quantize.ts'

/** A matrix in its four tensors, by what their names end in. */
const PARTS = ['qweight', 'qzeros', 'scales', 'g_idx'] as const
type Part = (typeof PARTS)[number]

interface PackedMatrix {
  readonly name: string
  readonly inputs: number
  readonly outputs: number
  readonly parts: ReadonlyMap<Part, CheckpointTensor>
}

/**
 * A checkpoint of int4 matrices as one of matrices `name.weight` of packed rows (Q4 or Q8), the other tensors as they are. A matrix is taken
 * to pieces when all of its tensors are there, which files have one after the other. Errors: ModelLoadError for tensors that do not fit.
 */
export function int4Checkpoint(checkpoint: Checkpoint, format: Int4Format): Checkpoint {
  const matrices = new Map<string, PackedMatrix>()
  const tensors = new Map<string, CheckpointTensor>()
  for (const [name, tensor] of checkpoint.tensors) {
    const base = baseOf(name)
    if (base === undefined || !checkpoint.tensors.has(`${base}.qweight`)) tensors.set(name, tensor)
    else if (name.endsWith('.qweight')) {
      const matrix = readMatrix(checkpoint, base, format)
      matrices.set(`${base}.weight`, matrix)
      tensors.set(`${base}.weight`, { ...tensor, dtype: packedDtypeOf(format), shape: [matrix.outputs, matrix.inputs] })
    }
  }
  return {
    ...checkpoint,
    tensors,
    // Some quantizers write zeros for biases that the model has not.
    optional: new Set([...matrices.values()].map(({ name }) => `${name}.bias`)),
    async streamTensors(wanted, onChunk, options = {}) {
      const { chunkBytes = CHUNK_BYTES } = options
      const gathered = new Map<string, Map<Part, Uint8Array<ArrayBuffer>>>()
      const wantedMatrices = new Map(wanted.flatMap((want) => (matrices.has(want.name) ? [[want.name, want] as const] : [])))
      const inner = wanted.flatMap((want) => innerTensors(want, matrices.get(want.name)))
      const take = async (name: string, offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
        const whole = `${baseOf(name)}.weight`
        const want = wantedMatrices.get(whole)
        const matrix = matrices.get(whole)
        if (!want || !matrix) return onChunk(name, offset, bytes)
        const parts = gathered.get(whole) ?? new Map<Part, Uint8Array<ArrayBuffer>>()
        gathered.set(whole, parts.set(partOf(name), bytes))
        if (parts.size < matrix.parts.size) return
        gathered.delete(whole)
        await emit(toInt4(matrix, parts), format, { ...want, chunkBytes }, onChunk)
      }
      await checkpoint.streamTensors(inner, take, options)
    },
  }
}

const baseOf = (name: string): string | undefined => /^(.*)\.(?:qweight|qzeros|scales|g_idx)$/.exec(name)?.[1]

const partOf = (name: string): Part => name.slice(name.lastIndexOf('.') + 1) as Part

function readMatrix({ tensors }: Checkpoint, name: string, { method, groupSize }: Int4Format): PackedMatrix {
  const parts = new Map(
    PARTS.flatMap((part) => (tensors.has(`${name}.${part}`) ? [[part, tensors.get(`${name}.${part}`) as CheckpointTensor]] : [])),
  )
  const [rows = 0, cols = 0] = parts.get('qweight')?.shape ?? []
  const [inputs, outputs] = method === 'awq' ? [rows, cols * 8] : [rows * 8, cols]
  const groups = inputs / (groupSize ?? inputs)
  const expected = { qweight: ['I32', [rows, cols]], qzeros: ['I32', [groups, outputs / 8]], scales: ['F16', [groups, outputs]] } as const
  for (const [part, [dtype, shape]] of Object.entries(expected)) {
    const tensor = parts.get(part as Part)
    if (tensor?.dtype === dtype && tensor.shape.join() === shape.join()) continue
    const found = tensor ? `is ${tensor.dtype} [${tensor.shape}]` : 'is missing'
    throw modelLoadError(`'${name}.${part}' ${found}, expected ${dtype} [${shape}] of ${method} in groups of ${groupSize ?? inputs}.`)
  }
  if (inputs % QUANT_GROUP !== 0) throw modelLoadError(`'${name}' has ${inputs} inputs; packed weights need a multiple of ${QUANT_GROUP}.`)
  return { name, inputs, outputs, parts }
}

/** Each whole, as rows of the result take something of all of it. */
function innerTensors(want: WantedTensor, matrix: PackedMatrix | undefined): WantedTensor[] {
  if (!matrix) return [want]
  return [...matrix.parts].map(([part, { begin, end }]) => ({ name: `${matrix.name}.${part}`, rowBytes: end - begin }))
}

function toInt4({ name, inputs, outputs }: PackedMatrix, parts: ReadonlyMap<Part, Uint8Array<ArrayBuffer>>): Int4Matrix {
  const buffer = (part: Part): ArrayBuffer => (parts.get(part) as Uint8Array<ArrayBuffer>).buffer
  return {
    ...{ name, inputs, outputs },
    qweight: new Uint32Array(buffer('qweight')),
    qzeros: new Uint32Array(buffer('qzeros')),
    scales: new Uint16Array(buffer('scales')),
    groups: parts.has('g_idx') ? new Int32Array(buffer('g_idx')) : undefined,
  }
}

async function emit(
  matrix: Int4Matrix,
  format: Int4Format,
  { name, rowBytes, begin = 0, end, chunkBytes }: WantedTensor & { chunkBytes: number },
  onChunk: (name: string, offset: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void> | void,
): Promise<void> {
  checkGroups(matrix, format)
  const perRow = matrix.inputs * packedBytes[packedDtypeOf(format)]
  const step = Math.max(Math.floor(chunkBytes / rowBytes), 1) * rowBytes
  const last = end ?? matrix.outputs * perRow
  for (let at = begin; at < last; at += step) {
    await onChunk(name, at, packRows(matrix, format, at / perRow, Math.min(at + step, last) / perRow))
  }
}
