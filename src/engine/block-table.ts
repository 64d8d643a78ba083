import type { Gpu } from '../gpu/device.ts'
import { bufferOf } from '../gpu/program.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { PlanRow } from './plan.ts'

/**
 * The page numbers of a step's sequences on the GPU, and a copy here that tells what has changed. Entries a sequence does not use
 * are 0, the trash page; so is the whole last row, which padding tokens use.
 */
export class BlockTable {
  /** u32 [maxSequences + 1, columns] */
  readonly tensor: Tensor
  readonly paddingRow: number
  readonly #gpu: Gpu
  readonly #columns: number
  readonly #copy: Uint32Array<ArrayBuffer>

  constructor(gpu: Gpu, maxSequences: number, columns: number) {
    this.#gpu = gpu
    this.#columns = columns
    this.paddingRow = maxSequences
    this.tensor = gpu.allocate('u32', [maxSequences + 1, columns], 'block table')
    this.#copy = new Uint32Array((maxSequences + 1) * columns)
  }

  /** Writes what differs, in one piece, if anything does. */
  update(rows: readonly PlanRow[]): void {
    let first = -1
    let last = -1
    rows.forEach(({ sequence }, row) => {
      for (let column = 0; column < this.#columns; column++) {
        const at = row * this.#columns + column
        const block = sequence.blocks[column] ?? 0
        if (this.#copy[at] === block) continue
        this.#copy[at] = block
        if (first < 0) first = at
        last = at
      }
    })
    if (first >= 0) this.#gpu.write(bufferOf(this.tensor), first * 4, this.#copy.subarray(first, last + 1))
  }
}
