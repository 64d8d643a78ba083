import type { Gpu } from '../gpu/device.ts'
import { bufferOf } from '../gpu/program.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { Sequence } from './sequence.ts'

/** In a count: the token stands in the prompt. */
const IN_PROMPT = 0x80000000

/** How often each token stands in the prompt and output of sequences with penalties: a row of the GPU's table per sequence. */
export class TokenCountTable {
  /** u32 [slots, vocabulary]; slot 0 stays zero and belongs to nobody. */
  readonly tensor: Tensor
  readonly #gpu: Gpu
  readonly #vocabulary: number
  /** Least recently used first. */
  readonly #slots = new Map<Sequence, number>()
  readonly #free: number[]

  constructor(gpu: Gpu, maxSequences: number, vocabulary: number) {
    this.#gpu = gpu
    this.#vocabulary = vocabulary
    this.tensor = gpu.allocate('u32', [maxSequences + 1, vocabulary], 'token counts')
    this.#free = Array.from({ length: maxSequences }, (_, i) => maxSequences - i)
  }

  /** The slot of a sequence that is about to sample. At its first time the row is written; from then on the GPU keeps it. */
  slotOf(sequence: Sequence): number {
    let slot = this.#slots.get(sequence)
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#takeOldest()
      this.#gpu.write(bufferOf(this.tensor), slot * this.#vocabulary * 4, countTokens(sequence, this.#vocabulary))
    }
    this.#slots.delete(sequence)
    this.#slots.set(sequence, slot)
    return slot
  }

  release(sequence: Sequence): void {
    const slot = this.#slots.get(sequence)
    if (slot === undefined) return
    this.#slots.delete(sequence)
    this.#free.push(slot)
  }

  destroy(): void {
    this.#gpu.destroyBuffer(bufferOf(this.tensor))
  }

  /** There are as many slots as sequences in a step, so the oldest is not in this one. */
  #takeOldest(): number {
    const [oldest] = this.#slots
    if (!oldest) throw new Error('no slot for token counts')
    this.#slots.delete(oldest[0])
    return oldest[1]
  }
}

function countTokens(sequence: Sequence, vocabulary: number): Uint32Array<ArrayBuffer> {
  const counts = new Uint32Array(vocabulary)
  sequence.tokens.forEach((token, place) => {
    const count = counts[token] ?? 0
    counts[token] = place < sequence.promptLength ? (count | IN_PROMPT) >>> 0 : count + 1
  })
  return counts
}
