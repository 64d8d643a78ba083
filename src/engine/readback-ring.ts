import type { Gpu } from '../gpu/device.ts'

/** Staging buffers for what steps hand back, used in turn: one for each submit under way, one to spare. */
export class ReadbackRing {
  readonly #gpu: Gpu
  readonly #bytes: number
  readonly #free: GPUBuffer[] = []

  constructor(gpu: Gpu, bytes: number) {
    this.#gpu = gpu
    this.#bytes = bytes
  }

  /** Copies `bytes` of `source` from `offset` on, at this point of the encoder. The promise, made after the submit, gives them. */
  copy(encoder: GPUCommandEncoder, source: GPUBuffer, bytes: number, offset = 0): () => Promise<ArrayBuffer> {
    const staging = this.#free.pop() ?? this.#gpu.createBuffer(this.#bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST, 'readback')
    encoder.copyBufferToBuffer(source, offset, staging, 0, bytes)
    return async () => {
      await staging.mapAsync(GPUMapMode.READ, 0, bytes)
      const copied = staging.getMappedRange(0, bytes).slice(0)
      staging.unmap()
      this.#free.push(staging)
      return copied
    }
  }
}
