import type { Gpu } from './device.ts'

/**
 * Buffers for the intermediates of programs. Programs run one after another on the queue, so all of them share the same buffers;
 * within one program a lease keeps tensors that are alive together apart.
 */
export interface ScratchPool {
  lease(): ScratchLease
  /** Bytes held. */
  readonly bytes: number
  destroy(): void
}

/** One program's claim on the pool, used while it is built. */
export interface ScratchLease {
  take(bytes: number): GPUBuffer
  giveBack(buffer: GPUBuffer): void
  /** The program stands: its new buffers are everybody's from now on. */
  keep(): void
  /** There will be no program: its new buffers are freed. */
  drop(): void
}

/** Sizes are rounded up so that tensors of nearly the same size share buffers: 8 steps per doubling, 256 bytes at least. */
function roundUp(bytes: number): number {
  const step = 2 ** Math.max(8, Math.ceil(Math.log2(bytes)) - 3)
  return Math.ceil(bytes / step) * step
}

/** An empty pool; it grows as programs are recorded and shrinks only in destroy(). */
export function createScratchPool(gpu: Gpu): ScratchPool {
  const buffers: GPUBuffer[] = []
  return {
    get bytes() {
      return buffers.reduce((sum, buffer) => sum + buffer.size, 0)
    },
    lease() {
      const taken = new Set<GPUBuffer>()
      // Others see them only once they are known to be valid.
      const fresh: GPUBuffer[] = []
      return {
        take(bytes) {
          // Room to spare is no reason to ask for more than the adapter allows.
          const size = Math.max(bytes, Math.min(roundUp(bytes), gpu.device.limits.maxBufferSize))
          const free = [...buffers, ...fresh].filter((buffer) => !taken.has(buffer) && buffer.size >= bytes)
          const best = free.sort((a, b) => a.size - b.size)[0]
          const chosen = best && best.size <= size * 4 ? best : undefined
          const buffer =
            chosen ?? gpu.createBuffer(size, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST, 'scratch')
          if (!chosen) fresh.push(buffer)
          taken.add(buffer)
          return buffer
        },
        giveBack(buffer) {
          taken.delete(buffer)
        },
        keep() {
          buffers.push(...fresh.splice(0))
        },
        drop() {
          for (const buffer of fresh.splice(0)) gpu.destroyBuffer(buffer)
        },
      }
    },
    destroy() {
      for (const buffer of buffers) gpu.destroyBuffer(buffer)
      buffers.length = 0
    },
  }
}
