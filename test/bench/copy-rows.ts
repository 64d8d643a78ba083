import type { Gpu } from '../../src/gpu/device.ts'
import { defineKernel } from '../../src/gpu/kernel.ts'
import { measure, type WeightPool } from './bench-gpu.ts'
import { type Report, round } from './report.ts'

const kernel = defineKernel({
  name: 'bench-copy',
  code: [
    `@group(0) @binding(0) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> copied: array<vec4<u32>>;
@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < arrayLength(&source); i += groups.x * 256u) { copied[i] = source[i]; }
}`,
  ],
  buffers: ['source', 'copied'],
})

/** Copy bandwidth of a kernel, bytes read and written. */
export async function copyRows(gpu: Gpu, _pool: WeightPool, report: Report): Promise<void> {
  const bytes = gpu.software ? 2 ** 24 : 2 ** 29
  const [from, to] = [gpu.allocate('u32', [bytes / 4], 'from'), gpu.allocate('u32', [bytes / 4], 'to')]
  const { microseconds } = await measure(
    gpu,
    (step) => {
      step.dispatch(kernel, { buffers: [from, to], workgroups: [16_384] })
      return []
    },
    gpu.software ? 12 : 100,
  )
  report({ what: 'copy', tbPerSecond: round((2 * bytes) / microseconds / 1e6) })
  const tiny = gpu.allocate('u32', [256], 'tiny')
  const other = gpu.allocate('u32', [256], 'tiny')
  const chain = await measure(gpu, (step) => {
    for (let i = 0; i < 50; i++) {
      step.dispatch(kernel, { buffers: [tiny, other], workgroups: [1] })
      step.dispatch(kernel, { buffers: [other, tiny], workgroups: [1] })
    }
    return []
  })
  report({ what: 'dependent dispatch', microseconds: round(chain.microseconds / 100), cpuMicroseconds: round(chain.cpuMicroseconds / 100) })
  for (const { storage } of [from, to, tiny, other]) gpu.destroyBuffer(storage.buffer as GPUBuffer)
}
