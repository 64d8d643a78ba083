import { describe, expect, it } from 'vitest'
import { defineKernel } from '../../src/gpu/kernel.ts'
import { createProfiler } from '../../src/gpu/profiler.ts'
import { bufferOf, recordProgram } from '../../src/gpu/program.ts'
import { createScratchPool } from '../../src/gpu/scratch-pool.ts'
import type { Step } from '../../src/gpu/step.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import { download, testGpu, upload } from '../support/gpu.ts'

/** out = x · scale + offset, one thread per element. */
const affine = defineKernel({
  name: 'test-affine',
  code: [
    `struct Params { scale: f32, offset: i32 }
    override STRIDE: u32 = 1;
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> out: array<f32>;
    @group(1) @binding(0) var<uniform> params: Params;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
      if (id.x < arrayLength(&out)) { out[id.x] = x[id.x * STRIDE] * params.scale + f32(params.offset); }
    }`,
  ],
  buffers: ['x', 'out'],
  params: { scale: 'f32', offset: 'i32' },
})

const apply = (step: Step, x: Tensor, scale: number, offset: number): Tensor => {
  const out = step.scratch('f32', x.shape)
  step.dispatch(affine, { buffers: [x, out], params: { scale, offset }, workgroups: [1] })
  return out
}

describe('recordProgram', () => {
  it('replays with new inputs, making and writing nothing', async () => {
    const gpu = await testGpu()
    const pool = createScratchPool(gpu)
    const x = upload(gpu, 'f32', [3], [1, 2, 3])
    let out: Tensor | undefined
    const program = await recordProgram(gpu, pool, (step) => {
      out = apply(step, apply(step, apply(step, x, 2, 1), 3, -1), 1, 5)
      return out
    })
    const before = { ...gpu.counters }
    const run = (): void => {
      const encoder = gpu.device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      program.encode(pass)
      pass.end()
      gpu.submit([encoder.finish()])
    }
    run()
    expect(gpu.counters).toEqual({ ...before, submits: before.submits + 1, dispatches: before.dispatches + 3 })
    expect(Array.from(await download(gpu, out as Tensor))).toEqual([13, 19, 25])
    gpu.write(bufferOf(x), 0, Float32Array.from([0, 0, 1]))
    run()
    expect(Array.from(await download(gpu, out as Tensor))).toEqual([7, 7, 13])
  })

  it('lets tensors that are never alive together share memory, and keeps those that are apart', async () => {
    const gpu = await testGpu()
    const pool = createScratchPool(gpu)
    const x = upload(gpu, 'f32', [64], new Float32Array(64).fill(1))
    const seen: Tensor[] = []
    await recordProgram(gpu, pool, (step) => {
      let y = x
      for (let i = 0; i < 20; i++) {
        y = apply(step, y, 1, 1)
        seen.push(y)
      }
      return y
    })
    expect(new Set(seen.map((tensor) => tensor.storage.buffer)).size).toBe(2)
    for (let i = 1; i < seen.length; i++) expect(seen[i]?.storage.buffer === seen[i - 1]?.storage.buffer).toBe(false)
  })

  it('shares one pool among programs, and gives memory back when the pool goes', async () => {
    const gpu = await testGpu()
    const bytes = gpu.counters.bytes
    const x = upload(gpu, 'f32', [64], new Float32Array(64))
    const pool = createScratchPool(gpu)
    const programs = []
    for (let i = 0; i < 3; i++) programs.push(await recordProgram(gpu, pool, (step) => apply(step, apply(step, x, 1, i), 1, i)))
    expect(pool.bytes).toBe(512)
    for (const program of programs) program.destroy()
    pool.destroy()
    gpu.destroyBuffer(bufferOf(x))
    expect(gpu.counters.bytes).toBe(bytes)
  })

  it('gives back what it took when the GPU refuses some of it, and the next program works', async () => {
    const gpu = await testGpu()
    const pool = createScratchPool(gpu)
    const x = upload(gpu, 'f32', [64], new Float32Array(64).fill(1))
    const record = () => recordProgram(gpu, pool, (step) => apply(step, apply(step, x, 1, 1), 1, 1))
    const { bytes } = gpu.counters
    const { createBuffer } = gpu.device
    let count = 0
    gpu.device.createBuffer = function (descriptor) {
      const refused = ++count === 2
      return createBuffer.call(this, refused ? { ...descriptor, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE } : descriptor)
    }
    await expect(record()).rejects.toThrow(/^The GPU refused working memory for 2 kernels: /)
    gpu.device.createBuffer = createBuffer
    expect(gpu.counters.bytes).toBe(bytes)
    expect(pool.bytes).toBe(0)
    const program = await record()
    expect(program.dispatchCount).toBe(2)
    program.destroy()
    pool.destroy()
  })

  it('says what is wrong with a dispatch while it is recorded', async () => {
    const gpu = await testGpu()
    const pool = createScratchPool(gpu)
    const x = upload(gpu, 'f32', [4], [1, 2, 3, 4])
    const attempt = (call: object) => () =>
      recordProgram(gpu, pool, (step) => {
        step.dispatch(affine, { buffers: [x, step.scratch('f32', [4])], params: { scale: 1, offset: 0 }, workgroups: [1], ...call })
        return undefined
      })
    await expect(attempt({ buffers: [x] })()).rejects.toThrow(/got 1 tensors for \[x,out\]/)
    await expect(attempt({ params: { scale: 1 } })()).rejects.toThrow(/got params \[scale\], expected \[offset,scale\]/)
    await expect(attempt({ buffers: [x, x] })()).rejects.toThrow(/binds the storage of x twice/)
    await expect(attempt({ workgroups: [70_000] })()).rejects.toThrow(/must be 0…65535/)
  })

  it('names the kernel and the line when WGSL does not compile', async () => {
    const gpu = await testGpu()
    const broken = defineKernel({
      name: 'test-broken',
      code: [
        '@group(0) @binding(0) var<storage, read_write> out: array<f32>;\n@compute @workgroup_size(1) fn main() { out[0] = nonsense; }',
      ],
      buffers: ['out'],
    })
    const record = recordProgram(gpu, createScratchPool(gpu), (step) => {
      step.dispatch(broken, { buffers: [step.scratch('f32', [1])], workgroups: [1] })
      return undefined
    })
    await expect(record).rejects.toThrow(/test-broken does not compile[\s\S]*line 2[\s\S]*nonsense/)
  })
})

describe('guardAllocations', () => {
  it('refuses a buffer above the limit with the numbers, and goes on working', async () => {
    const gpu = await testGpu()
    const elements = gpu.device.limits.maxBufferSize / 4 + 64
    await expect(gpu.guardAllocations('the test', () => gpu.allocate('f32', [elements], 'too big'))).rejects.toThrow(
      /too big needs a buffer of \d+ bytes/,
    )
    const served = await gpu
      .guardAllocations('the test', () => gpu.allocate('f32', [elements], 'too big'), 'serving')
      .catch((thrown) => thrown)
    expect(`${served}`).toMatch(/^OutOfMemoryError: .*too big needs a buffer of \d+ bytes.*send smaller pictures/)
    const small = await gpu.guardAllocations('the test', () => upload(gpu, 'f32', [1], [4]))
    expect(Array.from(await download(gpu, small))).toEqual([4])
  })
})

describe('createProfiler', () => {
  it('counts every dispatch by kernel', async () => {
    const gpu = await testGpu()
    if (!gpu.timestamps) {
      expect(() => createProfiler(gpu)).toThrow(/timestamp-query/)
      return
    }
    const x = upload(gpu, 'f32', [4], [1, 2, 3, 4])
    const program = await recordProgram(gpu, createScratchPool(gpu), (step) => apply(step, apply(step, x, 1, 1), 1, 1))
    const profiler = createProfiler(gpu)
    for (let run = 0; run < 3; run++) {
      const encoder = gpu.device.createCommandEncoder()
      profiler.encode(program, encoder, { label: `run ${run}` })
      gpu.submit([encoder.finish()])
      await profiler.collect()
    }
    // Four floats are read and four written by each of two dispatches in three runs.
    expect(profiler.times.get('test-affine')).toMatchObject({ calls: 6, bytes: 6 * 32 })
    const dispatches = profiler.trace().filter(({ name, ph }) => ph === 'X' && name === 'test-affine')
    expect(dispatches.map(({ args }) => args?.['bytes'])).toEqual(Array.from({ length: 6 }, () => 32))
    expect(profiler.trace().filter(({ name }) => /^run \d$/.test(name)).length).toBe(3)
    expect(profiler.times.get('test-affine')?.milliseconds).toBeGreaterThanOrEqual(0)
    profiler.destroy()
  })
})
