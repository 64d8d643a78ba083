import { beforeAll, describe, expect, it } from 'vitest'
import { MATRIX_FEATURE } from '../../../src/gpu/abilities.ts'
import { allKernels, type Kernel } from '../../../src/gpu/kernel.ts'
import { batchGateUpKernel } from '../../../src/kernels/batch-gate-up.ts'
import { batchHeadKernel } from '../../../src/kernels/batch-head.ts'
import { batchQkvKernel } from '../../../src/kernels/batch-qkv.ts'
import { batchResidualKernel } from '../../../src/kernels/batch-residual.ts'
import { attendedKernels } from '../../../src/kernels/decode-attended.ts'
import { teamKernelFamilies } from '../../../src/kernels/lib/decode-code.ts'

import { pagedFlashKernel } from '../../../src/kernels/paged-flash.ts'
import { splitAttentionKernel } from '../../../src/kernels/split-attention.ts'
import { MATRIX_TILES, subgroupMatmulKernel } from '../../../src/kernels/subgroup-matmul.ts'
import { visionFlashKernel } from '../../../src/kernels/vision-flash.ts'
import { dawn } from '../../support/dawn.ts'

// Every kernel goes through Chromium's shader compiler, with the features that the software adapter of the other tests lacks.
const bindings = import.meta.glob('../../../src/kernels/*.ts', { eager: true })

// Kernels that are defined when they are first needed, for a tile or the size of a model's heads.
for (const tile of MATRIX_TILES) {
  for (const stored of ['f32', 'f16'] as const)
    for (const format of ['f16', 'q8', 'q4'] as const) subgroupMatmulKernel(format, stored, tile)
}
for (const lockstep of [false, true]) {
  for (const kernel of [batchQkvKernel, batchResidualKernel, batchGateUpKernel, batchHeadKernel]) {
    for (const format of ['f16', 'q8', 'q4'] as const) kernel(format, { tiles: 2, splits: 4 }, { lockstep })
  }
}
for (const headDim of [8, 64, 72, 80, 96, 128]) {
  for (const stored of ['f32', 'f16'] as const) {
    visionFlashKernel(headDim, stored)
    pagedFlashKernel(headDim, 2, stored)
  }
}
for (const stored of ['f16', 'f32'] as const) {
  for (const group of [1, 2]) for (const each of [1, 2, 4]) splitAttentionKernel(stored, { slots: each > 2 ? 2 : 4, each, group })
}
for (const splits of [1, 8]) attendedKernels(splits)
for (const family of teamKernelFamilies) {
  for (const subgroup of [0, 32]) {
    for (const tokens of [1, 4]) {
      family('f32', { act: 'f32', subgroup }, tokens)
      for (const format of ['f16', 'q8', 'q4'] as const)
        for (const act of ['f32', 'f16'] as const) family(format, { act, subgroup }, tokens)
    }
  }
}
const kernels = allKernels()

let device: GPUDevice

beforeAll(async () => {
  const adapter = await dawn('null').requestAdapter()
  if (!adapter) throw new Error('Dawn gave no adapter')
  const requiredFeatures: GPUFeatureName[] = ['shader-f16', 'subgroups', MATRIX_FEATURE]
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
