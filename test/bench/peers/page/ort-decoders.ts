import type { DecoderSizes } from '../../../../cli/shapes/shape.ts'
import { type Choice, chooseToken } from './choose-token.ts'
import type { OrtModule, OrtSession, OrtTensor, OrtValues } from './ort-types.ts'

/** A loaded graph of decoderGraph with lengths 'given'. */
export interface OrtSetting {
  readonly ort: OrtModule
  readonly session: OrtSession
  readonly device: GPUDevice
  readonly sizes: DecoderSizes
  readonly type: 'float32' | 'float16'
  /** The most tokens of a sequence. */
  readonly positions: number
}

/** One sequence. */
export interface OrtDecoder {
  /** Reads tokens at once and chooses the one that follows. */
  read(ids: readonly number[]): Promise<Choice>
  /** Reads one token, in the way that is measured. */
  step(id: number): Promise<Choice>
  /** Begins anew. */
  reset(): void
}

const BYTES = { float32: 4, float16: 2 } as const

/** Names of the cache's tensors, without what stands before them. */
export const cacheNames = ({ layers }: DecoderSizes): string[] =>
  Array.from({ length: layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat()

/** A buffer for tensors of so many values. */
export function gpuBuffer(device: GPUDevice, bytes: number, usage = GPUBufferUsage.STORAGE): GPUBuffer {
  return device.createBuffer({ size: Math.ceil(bytes / 16) * 16, usage: usage | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST })
}

/** One buffer per cache tensor that is past and present at once, with room for all positions. */
export function fixedCache({ ort, device, sizes, type, positions }: OrtSetting): Map<string, OrtTensor> {
  const dims = [1, sizes.kvHeads, positions, sizes.headDim]
  const bytes = dims.reduce((product, size) => product * size, BYTES[type])
  return new Map(
    cacheNames(sizes).map((name) => [name, ort.Tensor.fromGpuBuffer(gpuBuffer(device, bytes), { dataType: type, dims })] as const),
  )
}

function inputs({ ort }: OrtSetting, ids: readonly number[], past: number): OrtValues {
  const total = past + ids.length
  return {
    input_ids: new ort.Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
    seqlens_k: new ort.Tensor('int32', Int32Array.of(total - 1), [1]),
    total_sequence_length: new ort.Tensor('int32', Int32Array.of(total), [1]),
  }
}

const chosen = (logits: OrtTensor | undefined): Choice => {
  if (!logits) throw new Error('onnxruntime gave no logits')
  return chooseToken(logits.data, logits.type)
}

/** The cache grows: every step makes new tensors, a token longer, as transformers.js has it. */
export class DynamicDecoder implements OrtDecoder {
  readonly #setting: OrtSetting
  #cache = new Map<string, OrtTensor>()
  #past = 0

  constructor(setting: OrtSetting) {
    this.#setting = setting
    this.reset()
  }

  async read(ids: readonly number[]): Promise<Choice> {
    const feeds = inputs(this.#setting, ids, this.#past)
    for (const [name, tensor] of this.#cache) feeds[`past_key_values.${name}`] = tensor
    const outputs = await this.#setting.session.run(feeds)
    for (const [name, tensor] of this.#cache) {
      tensor.dispose()
      this.#cache.set(name, outputs[`present.${name}`] as OrtTensor)
    }
    this.#past += ids.length
    return chosen(outputs['logits'])
  }

  step(id: number): Promise<Choice> {
    return this.read([id])
  }

  reset(): void {
    const { ort, sizes, type } = this.#setting
    for (const tensor of this.#cache.values()) tensor.dispose()
    const nothing = () =>
      new ort.Tensor(type, type === 'float16' ? new Uint16Array(0) : new Float32Array(0), [1, sizes.kvHeads, 0, sizes.headDim])
    this.#cache = new Map(cacheNames(sizes).map((name) => [name, nothing()]))
    this.#past = 0
  }
}

/** The cache is written in place. */
export class StaticDecoder implements OrtDecoder {
  readonly #setting: OrtSetting
  readonly #cache: Map<string, OrtTensor>
  #past = 0

  constructor(setting: OrtSetting) {
    this.#setting = setting
    this.#cache = fixedCache(setting)
  }

  async read(ids: readonly number[]): Promise<Choice> {
    const feeds = inputs(this.#setting, ids, this.#past)
    const fetches: Record<string, OrtTensor | null> = { logits: null }
    for (const [name, tensor] of this.#cache) {
      feeds[`past_key_values.${name}`] = tensor
      fetches[`present.${name}`] = tensor
    }
    const outputs = await this.#setting.session.run(feeds, fetches)
    this.#past += ids.length
    return chosen(outputs['logits'])
  }

  step(id: number): Promise<Choice> {
    return this.read([id])
  }

  reset(): void {
    this.#past = 0
  }
}
