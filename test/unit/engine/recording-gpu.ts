import type { Gpu, GpuCounters } from '../../../src/gpu/device.ts'
import { byteSize, type Tensor } from '../../../src/gpu/tensor.ts'

// Node has no WebGPU; nothing looks at these values.
Object.assign(globalThis, { GPUBufferUsage: { COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 } })

/** Limits of an adapter, in bytes. */
export interface MemoryLimits {
  readonly maxBufferSize: number
  readonly maxStorageBufferBindingSize: number
}

/**
 * A GPU that computes nothing and holds no memory, but counts bytes and refuses what an adapter with these limits would refuse: buffers and
 * bindings that are too large, and bindings that do not lie in their buffer. Workgroup counts are checked by the recorder itself.
 */
export function recordingGpu({ maxBufferSize, maxStorageBufferBindingSize }: MemoryLimits): Gpu {
  const counters: GpuCounters = {
    ...{ submits: 0, dispatches: 0, bindGroups: 0, buffers: 0, queueWrites: 0, bytes: 0, bytesPeak: 0 },
    ...{ encodes: 0, encodeMilliseconds: 0, stepMilliseconds: 0 },
  }
  const createBuffer = (size: number, _usage: number, label: string): GPUBuffer => {
    if (size > maxBufferSize) throw new Error(`${label} needs a buffer of ${size} bytes; the adapter allows ${maxBufferSize}`)
    counters.bytes += size
    counters.bytesPeak = Math.max(counters.bytesPeak, counters.bytes)
    return { size, label } as GPUBuffer
  }
  const createBindGroup = ({ label, entries }: { label?: string; entries: readonly GPUBindGroupEntry[] }): GPUBindGroup => {
    for (const { binding, resource } of entries) {
      const { buffer, offset = 0, size = 0 } = resource as GPUBufferBinding
      const place = `binding ${binding} of ${label}`
      if (size > maxStorageBufferBindingSize) throw new Error(`${place} has ${size} bytes; allowed are ${maxStorageBufferBindingSize}`)
      if (offset % 256 !== 0 || offset + size > buffer.size)
        throw new Error(`${place} is [${offset}, ${offset + size}) of ${buffer.size} bytes`)
    }
    return {} as GPUBindGroup
  }
  const allocate = (dtype: Tensor['dtype'], shape: readonly number[], label: string): Tensor => {
    const bytes = byteSize(dtype, shape)
    return { storage: { buffer: createBuffer(bytes, 0, label), bytes }, offset: 0, shape, dtype }
  }
  const gpu = {
    counters,
    createBuffer,
    allocate,
    software: false,
    abilities: { f16: false, subgroup: 0, matrices: false, lockstep: false, storageBuffers: 8, workgroupMemory: 16384 },
    none: allocate('f32', [64], 'none'),
    device: { createBindGroup, limits: { maxBufferSize, maxStorageBufferBindingSize } },
    destroyBuffer: (buffer: GPUBuffer) => {
      counters.bytes -= buffer.size
    },
    write: () => {},
    pipeline: async () => ({}),
    guardAllocations: async (_what: string, work: () => unknown) => work(),
  }
  return gpu as unknown as Gpu
}
