import { deviceLostError, modelLoadError, outOfMemoryError, webGPUUnavailableError } from '../util/errors.ts'
import { type Abilities, abilitiesOf, MATRIX_FEATURE } from './abilities.ts'
import type { Constants, Kernel } from './kernel.ts'
import { byteSize, type DType, type Tensor } from './tensor.ts'

/** Counters that benchmarks read; they only grow, but for bytes. */
export interface GpuCounters {
  submits: number
  dispatches: number
  bindGroups: number
  buffers: number
  queueWrites: number
  bytes: number
  bytesPeak: number
  /** Media items encoded, and the time from handing each to the GPU to its end. */
  encodes: number
  encodeMilliseconds: number
  /** What the CPU spends on preparing steps, encoding and submitting them; recording is not in it. */
  stepMilliseconds: number
}

/** A compiled kernel with the layouts its bind groups are made from. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline
  readonly storageLayout: GPUBindGroupLayout
}

/** What the rest of the engine sees of the device. One per engine; freed by destroy(). */
export interface Gpu {
  readonly device: GPUDevice
  readonly adapterInfo: GPUAdapterInfo
  readonly software: boolean
  /** What the kernels of recordings may use. */
  readonly abilities: Abilities
  readonly timestamps: boolean
  readonly counters: GpuCounters
  /** Resolves with a DeviceLostError when the device goes away without destroy(). */
  readonly lost: Promise<Error>
  /** 64 zeros, for bindings that stay unread. */
  readonly none: Tensor
  /** Layout of group 1: one uniform block at a dynamic offset. */
  readonly paramsLayout: GPUBindGroupLayout
  /** A zero-filled tensor with storage of its own. Rejected allocations surface in flushAllocations(). */
  allocate(dtype: DType, shape: readonly number[], label: string): Tensor
  createBuffer(bytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer
  destroyBuffer(buffer: GPUBuffer): void
  /** Writes through the queue, counted. data: any typed array; offset in bytes. */
  write(buffer: GPUBuffer, offset: number, data: AllowSharedBufferSource): void
  submit(commands: GPUCommandBuffer[]): void
  /** Compiles (once) for these constants. Errors: compiler messages with line numbers. */
  pipeline(kernel: Kernel, constants: Constants): Promise<Pipeline>
  /**
   * Runs allocations inside error scopes, as far as they are made before `work` first waits. Errors name what and how much did not fit:
   * ModelLoadError while a model is loaded, OutOfMemoryError while requests are served.
   */
  guardAllocations<T>(what: string, work: () => Promise<T> | T, stage?: 'loading' | 'serving'): Promise<T>
  /** From now on recordings compute in f32 only, for models in float32, whose answers are exact. */
  keepExact(): void
  destroy(): void
}

/** Features that are used where present and never needed. */
const WANTED_FEATURES: GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query', MATRIX_FEATURE]

/** In place of a feature: kernels as for hardware, also where the GPU is a CPU. */
const SOFTWARE_KERNELS = 'software-kernels'

/** What subgroup matrices are called until their feature has its final name. */
const SUBGROUP_MATRIX = 'subgroup-matrix'

/** Names that openGpu's `disabled` knows. */
export const DISABLEABLE: readonly string[] = [...WANTED_FEATURES, SUBGROUP_MATRIX, SOFTWARE_KERNELS]

/**
 * Opens the GPU with the adapter's own limits and the features we can use.
 * disabled: features to leave out, for comparison, 'subgroup-matrix' among them; 'software-kernels' for kernels as on hardware. Errors: WebGPUUnavailableError with the reason.
 */
export async function openGpu(options: { gpu?: GPU; disabled?: readonly string[] } = {}): Promise<Gpu> {
  const gpu = options.gpu ?? globalThis.navigator?.gpu
  if (!gpu)
    throw webGPUUnavailableError(
      'This browser offers no WebGPU (navigator.gpu is missing); use a current Chrome, Edge, Safari or Firefox over https or localhost.',
    )
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter)
    throw webGPUUnavailableError(
      'WebGPU found no adapter; check that hardware acceleration is on, or start Chromium with --enable-unsafe-webgpu --use-webgpu-adapter=swiftshader.',
    )
  const disabled = new Set((options.disabled ?? []).map((name) => (name === SUBGROUP_MATRIX ? MATRIX_FEATURE : name)))
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature) && !disabled.has(feature))
  const device = await adapter.requestDevice({ requiredFeatures, requiredLimits: usableLimits(adapter.limits), label: 'ocellus' })
  return new OpenGpu(device, adapter.info, disabled)
}

const isSoftware = ({ isFallbackAdapter, architecture, description, vendor }: GPUAdapterInfo): boolean =>
  isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe|warp|software/i.test(`${architecture} ${description} ${vendor}`)

/** The adapter's own limits, for those that decide what we can do. */
function usableLimits(limits: GPUSupportedLimits): Record<string, number> {
  return {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
    maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
    maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
  }
}

class OpenGpu implements Gpu {
  readonly device: GPUDevice
  readonly adapterInfo: GPUAdapterInfo
  readonly software: boolean
  readonly timestamps: boolean
  readonly paramsLayout: GPUBindGroupLayout
  readonly lost: Promise<Error>
  readonly none: Tensor
  readonly counters: GpuCounters = {
    ...{ submits: 0, dispatches: 0, bindGroups: 0, buffers: 0, queueWrites: 0, bytes: 0, bytesPeak: 0 },
    ...{ encodes: 0, encodeMilliseconds: 0, stepMilliseconds: 0 },
  }
  readonly #pipelines = new Map<string, Promise<Pipeline>>()
  readonly #live = new Set<GPUBuffer>()
  #abilities: Abilities

  constructor(device: GPUDevice, info: GPUAdapterInfo, disabled: ReadonlySet<string>) {
    this.device = device
    this.adapterInfo = info
    this.software = isSoftware(info) && !disabled.has(SOFTWARE_KERNELS)
    this.#abilities = abilitiesOf(device, info)
    this.timestamps = device.features.has('timestamp-query')
    this.paramsLayout = device.createBindGroupLayout({
      label: 'params',
      entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } }],
    })
    this.none = this.allocate('f32', [64], 'none')
    this.lost = new Promise((resolve) => {
      device.lost.then((info) => {
        if (info.reason !== 'destroyed')
          resolve(deviceLostError(`The GPU device was lost (${info.message || info.reason || 'unknown reason'}); create the LLM again.`))
      })
    })
  }

  get abilities(): Abilities {
    return this.#abilities
  }

  keepExact(): void {
    this.#abilities = { ...this.#abilities, f16: false, matrices: false }
  }

  allocate(dtype: DType, shape: readonly number[], label: string): Tensor {
    const bytes = byteSize(dtype, shape)
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC
    return { storage: { buffer: this.createBuffer(bytes, usage, label), bytes }, offset: 0, shape, dtype }
  }

  createBuffer(bytes: number, usage: GPUBufferUsageFlags, label: string): GPUBuffer {
    if (bytes > this.device.limits.maxBufferSize) {
      throw modelLoadError(
        `${label} needs a buffer of ${bytes} bytes, but this adapter allows ${this.device.limits.maxBufferSize}; use a smaller model, quantization: 'q4', or a smaller max_model_len.`,
      )
    }
    const buffer = this.device.createBuffer({ size: bytes, usage, label })
    this.#live.add(buffer)
    this.counters.buffers++
    this.counters.bytes += bytes
    this.counters.bytesPeak = Math.max(this.counters.bytesPeak, this.counters.bytes)
    return buffer
  }

  destroyBuffer(buffer: GPUBuffer): void {
    if (!this.#live.delete(buffer)) return
    this.counters.bytes -= buffer.size
    buffer.destroy()
  }

  write(buffer: GPUBuffer, offset: number, data: AllowSharedBufferSource): void {
    this.counters.queueWrites++
    this.device.queue.writeBuffer(buffer, offset, data)
  }

  submit(commands: GPUCommandBuffer[]): void {
    this.counters.submits++
    this.device.queue.submit(commands)
  }

  pipeline(kernel: Kernel, constants: Constants): Promise<Pipeline> {
    const key = `${kernel.name} ${Object.entries(constants).join(' ')}`
    let pipeline = this.#pipelines.get(key)
    if (!pipeline) {
      pipeline = this.#compile(kernel, constants)
      this.#pipelines.set(key, pipeline)
    }
    return pipeline
  }

  async #compile(kernel: Kernel, constants: Constants): Promise<Pipeline> {
    const { device } = this
    // What is wrong with the code is told with the pipeline's failure below; the scope keeps it from being told a second time.
    device.pushErrorScope('validation')
    const module = device.createShaderModule({ code: kernel.source, label: kernel.name })
    void device.popErrorScope().catch(() => null)
    const storageLayout = device.createBindGroupLayout({
      label: kernel.name,
      entries: kernel.writable.map((writable, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: writable ? 'storage' : 'read-only-storage' },
      })),
    })
    const bindGroupLayouts = kernel.paramList.length > 0 ? [storageLayout, this.paramsLayout] : [storageLayout]
    const layout = device.createPipelineLayout({ label: kernel.name, bindGroupLayouts })
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: kernel.name,
        layout,
        compute: { module, entryPoint: 'main', constants: { ...constants } },
      })
      return { pipeline, storageLayout }
    } catch (thrown) {
      const { messages } = await module.getCompilationInfo()
      const code = kernel.source.split('\n')
      const lines = messages.map((m) => `  line ${m.lineNum}: ${m.message}\n    ${code[m.lineNum - 1]?.trim() ?? ''}`)
      throw new Error(`kernel ${kernel.name} does not compile: ${thrown instanceof Error ? thrown.message : thrown}\n${lines.join('\n')}`)
    }
  }

  async guardAllocations<T>(what: string, work: () => Promise<T> | T, stage: 'loading' | 'serving' = 'loading'): Promise<T> {
    const { device } = this
    device.pushErrorScope('validation')
    device.pushErrorScope('out-of-memory')
    // The scopes are popped in the same turn as the synchronous part of the work, so parallel work cannot nest into them.
    let result: Promise<T> | T
    let outOfMemory: Promise<GPUError | null>
    let invalid: Promise<GPUError | null>
    const before = this.counters.bytes
    try {
      result = work()
    } catch (error) {
      // A buffer larger than the adapter allows is no fault of the model once it runs.
      if (stage === 'serving' && error instanceof Error && error.name === 'ModelLoadError') throw servingError(error.message)
      throw error
    } finally {
      outOfMemory = device.popErrorScope()
      invalid = device.popErrorScope()
    }
    const wanted = this.counters.bytes - before
    const [full, refused] = await Promise.all([outOfMemory, invalid])
    const error = full ?? refused
    if (!error) return await result
    const needed = `${what} needs ${wanted} bytes more beside ${before} in use (${error.message})`
    if (stage === 'serving') throw full ? servingError(needed) : new Error(`The GPU refused ${what}: ${error.message}`)
    throw modelLoadError(`Out of GPU memory: ${needed}; use a smaller model, quantization: 'q4', or a smaller max_model_len.`)
  }

  destroy(): void {
    for (const buffer of this.#live) buffer.destroy()
    this.#live.clear()
    this.counters.bytes = 0
    this.device.destroy()
  }
}

/** What requests are told when GPU memory runs out under them. */
export const servingError = (reason: string): Error =>
  outOfMemoryError(
    `Out of GPU memory: ${reason}; send smaller pictures or fewer at a time, or create the LLM with a smaller max_model_len or quantization: 'q4'.`,
  )
