import type { Abilities } from './abilities.ts'
import { type Gpu, type Pipeline, servingError } from './device.ts'
import type { Kernel } from './kernel.ts'
import type { ScratchLease, ScratchPool } from './scratch-pool.ts'
import type { DispatchCall, Step } from './step.ts'
import { byteSize, type DType, type Storage, type Tensor } from './tensor.ts'
import { type Traffic, trafficOf } from './traffic.ts'

/** Uniform blocks are bound at multiples of this (WebGPU's default minUniformBufferOffsetAlignment). */
const PARAMS_STRIDE = 256

interface Recorded extends DispatchCall {
  readonly kernel: Kernel
}

interface Command {
  readonly name: string
  readonly pipeline: GPUComputePipeline
  readonly group: GPUBindGroup
  readonly paramsOffset: number | undefined
  readonly workgroups: readonly [number, number, number]
}

/** A recorded step that can be encoded any number of times: no bind group, buffer or write is made when it runs. */
export interface Program {
  readonly dispatchCount: number
  /** Kernel names in order, for the profiler. */
  readonly names: readonly string[]
  /** Bytes that each moves, in the same order. */
  readonly traffic: readonly Traffic[]
  /** Encodes every dispatch into one pass. */
  encode(pass: GPUComputePassEncoder): void
  /** Encodes one dispatch, for the profiler. */
  encodeOne(pass: GPUComputePassEncoder, index: number): void
  /** Frees what the program owns: uniform block and constants. Scratch stays in the pool. */
  destroy(): void
}

/**
 * Records `forward` and prepares it for replay: compiles pipelines (in parallel), gives scratch tensors memory from the pool by
 * their first and last use, and makes every bind group once.
 * Tensors that `forward` returns are kept alive to the end of the program, so that they can be copied from after it.
 * Errors: OutOfMemoryError; what was taken for the program has then been given back.
 */
export async function recordProgram(gpu: Gpu, pool: ScratchPool, forward: (step: Step) => Tensor[] | Tensor | undefined): Promise<Program> {
  const recorder = new Recorder(gpu)
  const outputs = forward(recorder) ?? []
  const kept = Array.isArray(outputs) ? outputs : [outputs]
  const pipelines = await Promise.all(recorder.calls.map((call) => gpu.pipeline(call.kernel, call.constants ?? {})))
  const lease = pool.lease()
  const build = (): Program => {
    checkBindings(recorder.calls, gpu.device.limits.maxStorageBufferBindingSize)
    recorder.upload()
    assignScratch(recorder, kept, lease)
    return buildProgram(gpu, recorder, pipelines)
  }
  try {
    const program = await gpu.guardAllocations(`working memory for ${recorder.calls.length} kernels`, build, 'serving')
    lease.keep()
    return program
  } catch (error) {
    lease.drop()
    for (const buffer of recorder.owned) gpu.destroyBuffer(buffer)
    throw error
  }
}

class Recorder implements Step {
  readonly software: boolean
  readonly abilities: Abilities
  readonly none: Tensor
  readonly calls: Recorded[] = []
  readonly scratchStorages = new Set<Storage>()
  readonly owned: GPUBuffer[] = []
  readonly #constants: { storage: Storage; data: AllowSharedBufferSource }[] = []
  readonly #gpu: Gpu

  constructor(gpu: Gpu) {
    this.#gpu = gpu
    this.software = gpu.software
    this.abilities = gpu.abilities
    this.none = gpu.none
  }

  scratch(dtype: DType, shape: readonly number[]): Tensor {
    const storage: Storage = { buffer: undefined, bytes: byteSize(dtype, shape) }
    this.scratchStorages.add(storage)
    return { storage, offset: 0, shape, dtype }
  }

  constant(data: Uint32Array | Int32Array | Float32Array, shape: readonly number[]): Tensor {
    const dtype = data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u32'
    const storage: Storage = { buffer: undefined, bytes: byteSize(dtype, shape) }
    this.#constants.push({ storage, data: data as AllowSharedBufferSource })
    return { storage, offset: 0, shape, dtype }
  }

  /** Gives the constants their memory. */
  upload(): void {
    for (const { storage, data } of this.#constants) {
      const buffer = this.#gpu.createBuffer(storage.bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST, 'constant')
      this.owned.push(buffer)
      this.#gpu.write(buffer, 0, data)
      storage.buffer = buffer
    }
  }

  dispatch(kernel: Kernel, call: DispatchCall): void {
    checkCall(kernel, call)
    this.calls.push({ kernel, ...call })
  }
}

/** A recording is wrong if it names too few tensors, misses a param, or writes what it also reads: WebGPU would only say so later. */
function checkCall(kernel: Kernel, call: DispatchCall): void {
  if (call.buffers.length !== kernel.buffers.length) {
    throw new Error(`${kernel.name} got ${call.buffers.length} tensors for [${kernel.buffers}]`)
  }
  const given = Object.keys(call.params ?? {})
    .sort()
    .join()
  const wanted = kernel.paramList
    .map(([name]) => name)
    .sort()
    .join()
  if (given !== wanted) throw new Error(`${kernel.name} got params [${given}], expected [${wanted}]`)
  call.buffers.forEach((tensor, i) => {
    const clash = call.buffers.some((other, j) => i !== j && other.storage === tensor.storage && (kernel.writable[i] || kernel.writable[j]))
    if (clash) throw new Error(`${kernel.name} binds the storage of ${kernel.buffers[i]} twice, once for writing`)
  })
  for (const size of call.workgroups) {
    if (size !== undefined && !(Number.isInteger(size) && size >= 0 && size <= 65535)) {
      throw new Error(`${kernel.name}: ${call.workgroups.join('×')} workgroups, each must be 0…65535`)
    }
  }
}

/** WebGPU itself would say so too late, and not what to do about it. */
function checkBindings(calls: readonly Recorded[], most: number): void {
  for (const { kernel, buffers } of calls) {
    const large = buffers.findIndex(({ dtype, shape }) => byteSize(dtype, shape) > most)
    const { dtype, shape } = buffers[large] ?? {}
    if (!dtype || !shape) continue
    throw servingError(
      `${kernel.name} needs ${byteSize(dtype, shape)} bytes of ${kernel.buffers[large]} [${shape}] at once, and this adapter allows ${most}`,
    )
  }
}

/** Linear scan: a scratch storage takes a pool buffer at its first use and gives it back after its last. */
function assignScratch(recorder: Recorder, kept: readonly Tensor[], lease: ScratchLease): void {
  const lastUse = new Map<Storage, number>()
  recorder.calls.forEach((call, i) => {
    for (const tensor of call.buffers) if (recorder.scratchStorages.has(tensor.storage)) lastUse.set(tensor.storage, i)
  })
  for (const tensor of kept) lastUse.set(tensor.storage, Number.POSITIVE_INFINITY)
  recorder.calls.forEach((call, i) => {
    for (const { storage } of call.buffers) {
      if (recorder.scratchStorages.has(storage) && !storage.buffer) storage.buffer = lease.take(storage.bytes)
    }
    for (const storage of new Set(call.buffers.map((tensor) => tensor.storage))) {
      if (lastUse.get(storage) === i && storage.buffer) lease.giveBack(storage.buffer)
    }
  })
}

function buildProgram(gpu: Gpu, recorder: Recorder, pipelines: readonly Pipeline[]): Program {
  const { device } = gpu
  const { calls, owned } = recorder
  const withParams = calls.filter((call) => call.kernel.paramList.length > 0)
  let paramsGroup: GPUBindGroup | undefined
  if (withParams.length > 0) {
    const uniform = gpu.createBuffer(withParams.length * PARAMS_STRIDE, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST, 'params')
    owned.push(uniform)
    gpu.write(uniform, 0, packParams(withParams))
    paramsGroup = device.createBindGroup({
      layout: gpu.paramsLayout,
      entries: [{ binding: 0, resource: { buffer: uniform, size: PARAMS_STRIDE } }],
    })
    gpu.counters.bindGroups++
  }
  let block = 0
  const commands = calls.map((call, i): Command => {
    const { pipeline, storageLayout } = pipelines[i] as Pipeline
    const group = device.createBindGroup({
      label: call.kernel.name,
      layout: storageLayout,
      entries: call.buffers.map((tensor, binding) => ({
        binding,
        resource: { buffer: bufferOf(tensor), offset: tensor.offset, size: byteSize(tensor.dtype, tensor.shape) },
      })),
    })
    gpu.counters.bindGroups++
    const [x, y = 1, z = 1] = call.workgroups
    const paramsOffset = call.kernel.paramList.length > 0 ? block++ * PARAMS_STRIDE : undefined
    return { name: call.kernel.name, pipeline, group, paramsOffset, workgroups: [x, y, z] }
  })
  const encodeOne = (pass: GPUComputePassEncoder, index: number): void => {
    const command = commands[index] as Command
    pass.setPipeline(command.pipeline)
    pass.setBindGroup(0, command.group)
    if (command.paramsOffset !== undefined && paramsGroup) pass.setBindGroup(1, paramsGroup, [command.paramsOffset])
    pass.dispatchWorkgroups(...command.workgroups)
    gpu.counters.dispatches++
  }
  return {
    dispatchCount: commands.length,
    names: commands.map((command) => command.name),
    traffic: calls.map(({ kernel, buffers }) => trafficOf(kernel, buffers, gpu.none)),
    encodeOne,
    encode(pass) {
      for (let i = 0; i < commands.length; i++) encodeOne(pass, i)
    },
    destroy() {
      for (const buffer of owned) gpu.destroyBuffer(buffer)
    },
  }
}

function packParams(calls: readonly Recorded[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(calls.length * PARAMS_STRIDE)
  const view = new DataView(bytes.buffer)
  calls.forEach((call, block) => {
    call.kernel.paramList.forEach(([name, type], i) => {
      const value = call.params?.[name] ?? 0
      const at = block * PARAMS_STRIDE + i * 4
      if (type === 'f32') view.setFloat32(at, value, true)
      else if (type === 'i32') view.setInt32(at, value, true)
      else view.setUint32(at, value, true)
    })
  })
  return bytes
}

/** The buffer behind a tensor. Errors: scratch that no dispatch has used yet. */
export function bufferOf(tensor: Tensor): GPUBuffer {
  if (!tensor.storage.buffer) throw new Error(`a tensor of shape [${tensor.shape}] has no memory: nothing in its program uses it`)
  return tensor.storage.buffer
}
