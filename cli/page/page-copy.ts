// This function runs in the page: it is sent there as text, so it may use nothing from outside its own braces but types.
import type { Outcome } from './page-engine.ts'

/** Bytes read and written a second. */
export interface CopySpeed {
  /** By a kernel, which is what other kernels can hope for. */
  kernel: number
  /** By copyBufferToBuffer. */
  command: number
}

/** Copies words of 16 bytes, in as many workgroups as are asked for. */
export const COPY_CODE = `
  @group(0) @binding(0) var<storage, read> source: array<vec4<u32>>;
  @group(0) @binding(1) var<storage, read_write> copied: array<vec4<u32>>;
  @compute @workgroup_size(256)
  fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < arrayLength(&source); i += groups.x * 256u) { copied[i] = source[i]; }
  }`

/**
 * How fast this GPU copies between two buffers of `bytes`, on a device of the page's own: after 0.3 s of work, because idle GPUs lower their
 * clocks, the best of five differences between twice as many copies and as many. code: COPY_CODE.
 */
export async function copySpeedInPage({ bytes, code }: { bytes: number; code: string }): Promise<Outcome<CopySpeed>> {
  try {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) throw new Error('WebGPU found no adapter.')
    const size = Math.min(bytes, adapter.limits.maxBufferSize, adapter.limits.maxStorageBufferBindingSize)
    const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize: size, maxStorageBufferBindingSize: size } })
    const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST | GPUBufferUsage.STORAGE
    const [from, to] = ['from', 'to'].map((label) => device.createBuffer({ size, label, usage })) as [GPUBuffer, GPUBuffer]
    const module = device.createShaderModule({ code })
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } })
    const entries = [from, to].map((buffer, binding) => ({ binding, resource: { buffer } }))
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries })
    const byCommand = (encoder: GPUCommandEncoder, copies: number): void => {
      for (let i = 0; i < copies; i++) encoder.copyBufferToBuffer(from, 0, to, 0, size)
    }
    const byKernel = (encoder: GPUCommandEncoder, copies: number): void => {
      const pass = encoder.beginComputePass()
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, group)
      for (let i = 0; i < copies; i++) pass.dispatchWorkgroups(16_384)
      pass.end()
    }
    const timed = async (encode: typeof byKernel, copies: number): Promise<number> => {
      const encoder = device.createCommandEncoder()
      encode(encoder, copies)
      const commands = encoder.finish()
      const start = performance.now()
      device.queue.submit([commands])
      await device.queue.onSubmittedWorkDone()
      return performance.now() - start
    }
    const speedOf = async (encode: typeof byKernel): Promise<number> => {
      let copies = 1
      let spent = 0
      for (let last = 0; last < 40 && copies < 4096; ) {
        last = await timed(encode, copies)
        spent += last
        if (last < 40) copies *= 2
      }
      while (spent < 300) spent += await timed(encode, copies)
      // The way to the GPU and back is in both times.
      let best = 0
      for (let i = 0; i < 5; i++) {
        const more = (await timed(encode, 2 * copies)) - (await timed(encode, copies))
        if (more > 0) best = Math.max(best, (2 * copies * size * 1000) / more)
      }
      return best
    }
    const speed = { kernel: await speedOf(byKernel), command: await speedOf(byCommand) }
    device.destroy()
    return { value: speed }
  } catch (error) {
    const { name, message } = error as Error
    return { error: { name, message } }
  }
}
