import { beforeAll, describe, expect, it } from 'vitest'
import { allKernels, type Kernel } from '../../../src/gpu/kernel.ts'
import { dawn } from '../../support/dawn.ts'

// Every kernel goes through Chromium's shader compiler, with the features that the software adapter of the other tests lacks.
const bindings = import.meta.glob('../../../src/kernels/*.ts', { eager: true })
const kernels = allKernels()

let device: GPUDevice

beforeAll(async () => {
  const adapter = await dawn('null').requestAdapter()
  if (!adapter) throw new Error('Dawn gave no adapter')
  const requiredFeatures: GPUFeatureName[] = ['shader-f16', 'subgroups']
  const { maxStorageBuffersPerShaderStage } = adapter.limits
  device = await adapter.requestDevice({ requiredFeatures, requiredLimits: { maxStorageBuffersPerShaderStage } })
})

/** What the compiler has against a kernel, line by line; empty if nothing. */
async function complaints({ source }: Kernel): Promise<string[]> {
  device.pushErrorScope('validation')
  const module = device.createShaderModule({ code: source })
  const { messages } = await module.getCompilationInfo()
  const error = await device.popErrorScope()
  const rows = source.split('\n')
  const lines = messages.map((m) => `${m.type}, line ${m.lineNum}: ${m.message}: ${rows[m.lineNum - 1]?.trim()}`)
  return error && lines.length === 0 ? [error.message] : lines
}

describe('every shader', () => {
  it('has a binding that defines its kernel', () => {
    expect(kernels.length).toBeGreaterThan(0)
    expect(kernels.length).toBeGreaterThanOrEqual(Object.keys(bindings).length)
  })

  it.each(kernels.map((kernel) => [kernel.name, kernel] as const))('%s compiles, without warnings', async (_name, kernel) => {
    expect(await complaints(kernel)).toEqual([])
  })

  it('would be refused if it did not compile', async () => {
    const broken = { source: '@compute @workgroup_size(64) fn main() { let a: u32 = 1.5; }' } as Kernel
    expect((await complaints(broken)).join()).toContain('error, line 1')
  })
})
