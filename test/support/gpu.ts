import { type Gpu, openGpu } from '../../src/gpu/device.ts'
import { bufferOf, recordProgram } from '../../src/gpu/program.ts'
import { readTensor } from '../../src/gpu/readback.ts'
import { createScratchPool } from '../../src/gpu/scratch-pool.ts'
import type { Step } from '../../src/gpu/step.ts'
import type { DType, Tensor } from '../../src/gpu/tensor.ts'
import { decodeHalves, encodeHalves } from '../../src/util/half.ts'
import { requireAdapter } from './adapter.ts'

const opened = new Map<string, Promise<Gpu>>()

/** The GPU that all tests of a file share; opened once. disabled: features to leave out, to test what stands in for them. */
export function testGpu(disabled: readonly string[] = []): Promise<Gpu> {
  const key = [...disabled].sort().join()
  let gpu = opened.get(key)
  if (!gpu) {
    gpu = requireAdapter().then(() => openGpu({ disabled }))
    opened.set(key, gpu)
  }
  return gpu
}

/** A tensor with these values. dtype 'f16' rounds floats to float16. */
export function upload(gpu: Gpu, dtype: DType, shape: readonly number[], values: ArrayLike<number>): Tensor {
  const tensor = gpu.allocate(dtype, shape, 'test')
  gpu.write(bufferOf(tensor), 0, bytesOf(dtype, values))
  return tensor
}

function bytesOf(dtype: DType, values: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  if (dtype === 'f32') return new Uint8Array(Float32Array.from(values).buffer)
  if (dtype === 'u32') return new Uint8Array(Uint32Array.from(values).buffer)
  if (dtype === 'i32') return new Uint8Array(Int32Array.from(values).buffer)
  // Writes are in words of four bytes; an odd last half is padded.
  const bytes = new Uint8Array(Math.ceil(values.length / 2) * 4)
  bytes.set(new Uint8Array(encodeHalves(values).buffer))
  return bytes
}

/** The values of a tensor, as numbers of its own type; 'f16' comes as float32. */
export async function download(gpu: Gpu, tensor: Tensor): Promise<Float32Array | Uint32Array | Int32Array> {
  const bytes = await readTensor(gpu, tensor)
  const count = tensor.shape.reduce((product, size) => product * size, 1)
  if (tensor.dtype === 'f32') return new Float32Array(bytes, 0, count)
  if (tensor.dtype === 'u32') return new Uint32Array(bytes, 0, count)
  if (tensor.dtype === 'i32') return new Int32Array(bytes, 0, count)
  return decodeHalves(new Uint16Array(bytes, 0, count))
}

/** The same recording for another kind of GPU: kernels choose their workgroups by `software`. */
const stepFor = (step: Step, software: boolean): Step => ({
  software,
  abilities: step.abilities,
  none: step.none,
  scratch: (dtype, shape) => step.scratch(dtype, shape),
  constant: (data, shape) => step.constant(data, shape),
  dispatch: (kernel, call) => step.dispatch(kernel, call),
})

/**
 * Records `forward`, runs it once and gives the values of the tensors it returns. A GPU error on the way is thrown. Kernels run as they
 * would on a hardware GPU, also on SwiftShader; software: true runs them as on SwiftShader, also on a GPU.
 */
export async function runOnce(
  gpu: Gpu,
  forward: (step: Step) => Tensor[],
  { software = false }: { software?: boolean } = {},
): Promise<(Float32Array | Uint32Array | Int32Array)[]> {
  const pool = createScratchPool(gpu)
  let outputs: Tensor[] = []
  gpu.device.pushErrorScope('validation')
  const program = await recordProgram(gpu, pool, (step) => {
    outputs = forward(stepFor(step, software))
    return outputs
  })
  const encoder = gpu.device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  program.encode(pass)
  pass.end()
  gpu.submit([encoder.finish()])
  const error = await gpu.device.popErrorScope()
  if (error) throw new Error(error.message)
  try {
    return await Promise.all(outputs.map((tensor) => download(gpu, tensor)))
  } finally {
    program.destroy()
    pool.destroy()
  }
}
