import type { Gpu } from '../gpu/device.ts'
import { bytesPerElement } from '../gpu/tensor.ts'
import { BLOCK_SIZE } from '../layers/batch.ts'
import type { DecoderShape } from '../models/family.ts'
import type { QuantizationOption } from '../protocol/engine-api.ts'
import { modelLoadError } from '../util/errors.ts'
import type { EngineConfig } from './config.ts'
import type { PlannedWeights } from './weight-loader.ts'

type WeightSizes = Pick<PlannedWeights<unknown>, 'bytes' | 'largest'>

/** GPU memory that a model will take, known from the headers of its files. */
export interface MemoryNeeds {
  readonly model: string
  /** How weights are stored: 'q4', 'float16'. */
  readonly format: string
  readonly weights: WeightSizes
  /** Bytes. */
  readonly kvCache: number
  readonly media: number
  /** What weights would take with coarser quantizations, finest first. */
  readonly coarser: () => readonly { readonly quantization: QuantizationOption; readonly weights: WeightSizes }[]
}

/** What a model needs that was loaded with this config. `weightsAt`: what its weights would take. */
export function memoryNeeds(
  { modelName: model, dtype, quantization, kvBlocks, mediaRows }: EngineConfig,
  { layers, kvHeads, headDim, hidden }: DecoderShape,
  weights: WeightSizes,
  weightsAt: (quantization: QuantizationOption) => WeightSizes,
): MemoryNeeds {
  const order = ['none', 'q8', 'q4'] as const
  return {
    model,
    format: quantization === 'none' ? dtype : quantization,
    weights,
    kvCache: 2 * layers * kvBlocks * kvHeads * BLOCK_SIZE * headDim * bytesPerElement(dtype === 'float32' ? 'f32' : 'f16'),
    media: mediaRows * hidden * 4,
    coarser: () => order.slice(order.indexOf(quantization) + 1).map((each) => ({ quantization: each, weights: weightsAt(each) })),
  }
}

/** Most bytes of one buffer that shaders can use on this adapter. */
export const bindableBytes = ({
  device: { limits },
}: {
  device: { limits: Pick<GPUSupportedLimits, 'maxBufferSize' | 'maxStorageBufferBindingSize'> }
}): number => Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize)

/** Checks what can be checked without asking for memory. Errors: ModelLoadError with what is needed, what is allowed, and what would fit. */
export function checkMemory(needs: MemoryNeeds, gpu: Pick<Gpu, 'device'>): void {
  const allowed = bindableBytes(gpu)
  const { largest } = needs.weights
  if (largest.bytes <= allowed) return
  const fitting = needs.coarser().find(({ weights }) => weights.largest.bytes <= allowed)
  throw modelLoadError(
    `${describe(needs)}, of which '${largest.name}' takes ${gigabytes(largest.bytes)} in one buffer, but this adapter allows ` +
      `${gigabytes(allowed)} a buffer; ${fitting ? offer(needs, fitting) : 'use a smaller model'}.`,
  )
}

/** What to say when the GPU has refused memory. */
export function memoryRefused(needs: MemoryNeeds, reason: string): Error {
  const [smaller] = needs.coarser().slice(-1)
  const advice = smaller ? offer(needs, smaller) : 'use a smaller model'
  return modelLoadError(`${describe(needs)}, more than this GPU has free (${reason}); ${advice}, or a smaller max_model_len.`)
}

function offer(needs: MemoryNeeds, { quantization, weights }: ReturnType<MemoryNeeds['coarser']>[number]): string {
  return `load it with quantization: '${quantization}', which needs ${gigabytes(total({ ...needs, weights }))}`
}

const total = ({ weights, kvCache, media }: MemoryNeeds): number => weights.bytes + kvCache + media

function describe(needs: MemoryNeeds): string {
  const { model, format, weights, kvCache, media } = needs
  const parts = `weights ${gigabytes(weights.bytes)}, KV cache ${gigabytes(kvCache)}, encoded media ${gigabytes(media)}`
  return `${model} needs ${gigabytes(total(needs))} of GPU memory at ${format} (${parts})`
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`
