import type { Gpu } from '../gpu/device.ts'
import { bufferOf } from '../gpu/program.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { maskWords } from '../kernels/token-mask.ts'

/** Which tokens the rows of a step may choose, on the GPU. Slot 0 allows every token and is for rows without a grammar. */
export class TokenMaskTable {
  /** u32 [maxSequences + 1, words] */
  readonly tensor: Tensor
  readonly #gpu: Gpu
  readonly #words: number
  readonly #copy: Uint32Array<ArrayBuffer>

  constructor(gpu: Gpu, maxSequences: number, vocabulary: number) {
    this.#gpu = gpu
    this.#words = maskWords(vocabulary)
    this.tensor = gpu.allocate('u32', [maxSequences + 1, this.#words], 'token masks')
    this.#copy = new Uint32Array(maxSequences * this.#words)
    gpu.write(bufferOf(this.tensor), 0, new Uint32Array(this.#words).fill(0xffffffff))
  }

  /** Puts masks into slots 1, 2, … Tokens past a mask's end are not allowed: they have an embedding, but no text. */
  write(masks: readonly Uint32Array[]): void {
    const words = this.#words
    this.#copy.fill(0, 0, masks.length * words)
    masks.forEach((mask, i) => {
      this.#copy.set(mask.subarray(0, words), i * words)
    })
    this.#gpu.write(bufferOf(this.tensor), words * 4, this.#copy.subarray(0, masks.length * words))
  }

  destroy(): void {
    this.#gpu.destroyBuffer(bufferOf(this.tensor))
  }
}
