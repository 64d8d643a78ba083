import type { Gpu } from '../../../src/gpu/device.ts'
import { byteSize, type Tensor } from '../../../src/gpu/tensor.ts'

/** Memory of tensors as plain bytes, with WebGPU's rules for writes: just enough of a GPU to put weights on. */
export function fakeGpu(): Gpu {
  const gpu = {
    allocate(dtype: Tensor['dtype'], shape: readonly number[]): Tensor {
      const bytes = byteSize(dtype, shape)
      return { storage: { buffer: new Uint8Array(bytes) as unknown as GPUBuffer, bytes }, offset: 0, shape, dtype }
    },
    write(buffer: GPUBuffer, offset: number, data: ArrayBufferView): void {
      if (offset % 4 !== 0 || data.byteLength % 4 !== 0)
        throw new Error(`${data.byteLength} bytes at ${offset}: writes are in words of four bytes`)
      const memory = buffer as unknown as Uint8Array
      memory.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset)
    },
    guardAllocations: async (_what: string, work: () => unknown) => work(),
  }
  return gpu as unknown as Gpu
}

/** A tensor's bytes. */
export const bytesIn = (tensor: Tensor): Uint8Array<ArrayBuffer> => Uint8Array.from(tensor.storage.buffer as unknown as Uint8Array)
