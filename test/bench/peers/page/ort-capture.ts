import { type Choice, chooseToken } from './choose-token.ts'
import { fixedCache, gpuBuffer, type OrtDecoder, type OrtSetting } from './ort-decoders.ts'
import type { OrtTensor, OrtValues } from './ort-types.ts'

/** Runs with this number are neither recorded nor replayed. */
const NOT_CAPTURED = { extra: { gpu_graph_id: '-1' } }

/**
 * The cache is written in place, and the commands of a step are recorded once and replayed: all inputs and outputs are GPU buffers, and
 * logits are copied back by us. The session must have been made with enableGraphCapture.
 */
export class CaptureDecoder implements OrtDecoder {
  readonly #setting: OrtSetting
  readonly #cache: Map<string, OrtTensor>
  readonly #lengths: { last: GPUBuffer; total: GPUBuffer; id: GPUBuffer }
  readonly #logits: GPUBuffer
  readonly #readback: GPUBuffer
  readonly #logitsBytes: number
  #past = 0

  constructor(setting: OrtSetting) {
    const { device, sizes, type } = setting
    this.#setting = setting
    this.#cache = fixedCache(setting)
    this.#lengths = { last: gpuBuffer(device, 4), total: gpuBuffer(device, 4), id: gpuBuffer(device, 8) }
    this.#logitsBytes = sizes.vocabulary * (type === 'float16' ? 2 : 4)
    this.#logits = gpuBuffer(device, this.#logitsBytes)
    this.#readback = device.createBuffer({ size: this.#logits.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  }

  async read(ids: readonly number[]): Promise<Choice> {
    const buffer = gpuBuffer(this.#setting.device, 8 * ids.length)
    try {
      return await this.#run(ids, buffer, NOT_CAPTURED)
    } finally {
      buffer.destroy()
    }
  }

  step(id: number): Promise<Choice> {
    return this.#run([id], this.#lengths.id)
  }

  reset(): void {
    this.#past = 0
  }

  async #run(ids: readonly number[], buffer: GPUBuffer, options?: object): Promise<Choice> {
    const { ort, session, device, sizes, type } = this.#setting
    const { last, total } = this.#lengths
    const end = this.#past + ids.length
    device.queue.writeBuffer(buffer, 0, BigInt64Array.from(ids, BigInt))
    device.queue.writeBuffer(last, 0, Int32Array.of(end - 1))
    device.queue.writeBuffer(total, 0, Int32Array.of(end))
    const tensor = (from: GPUBuffer, dataType: string, dims: number[]): OrtTensor => ort.Tensor.fromGpuBuffer(from, { dataType, dims })
    const feeds: OrtValues = {
      input_ids: tensor(buffer, 'int64', [1, ids.length]),
      seqlens_k: tensor(last, 'int32', [1]),
      total_sequence_length: tensor(total, 'int32', [1]),
    }
    const fetches: OrtValues = { logits: tensor(this.#logits, type, [1, 1, sizes.vocabulary]) }
    for (const [name, cache] of this.#cache) {
      feeds[`past_key_values.${name}`] = cache
      fetches[`present.${name}`] = cache
    }
    await session.run(feeds, fetches, options)
    this.#past = end
    return this.#choose()
  }

  async #choose(): Promise<Choice> {
    const { device, type } = this.#setting
    const encoder = device.createCommandEncoder()
    encoder.copyBufferToBuffer(this.#logits, 0, this.#readback, 0, this.#logits.size)
    device.queue.submit([encoder.finish()])
    await this.#readback.mapAsync(GPUMapMode.READ)
    try {
      return chooseToken(new Uint8Array(this.#readback.getMappedRange(), 0, this.#logitsBytes), type)
    } finally {
      this.#readback.unmap()
    }
  }
}
