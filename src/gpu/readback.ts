import type { Gpu } from './device.ts'
import { bufferOf } from './program.ts'
import { byteSize, type Tensor } from './tensor.ts'

/** Copies a tensor to the CPU: one submit and one wait. For tests, checks and rare reads; the decode loop keeps its own staging ring. */
export async function readTensor(gpu: Gpu, tensor: Tensor): Promise<ArrayBuffer> {
  const bytes = byteSize(tensor.dtype, tensor.shape)
  const staging = gpu.createBuffer(bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST, 'readback')
  const encoder = gpu.device.createCommandEncoder()
  encoder.copyBufferToBuffer(bufferOf(tensor), tensor.offset, staging, 0, bytes)
  gpu.submit([encoder.finish()])
  try {
    await staging.mapAsync(GPUMapMode.READ)
    return staging.getMappedRange().slice(0)
  } finally {
    gpu.destroyBuffer(staging)
  }
}
