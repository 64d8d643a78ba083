import { openGpu } from '../../src/gpu/device.ts'
import { attentionRows } from './attention-rows.ts'
import { batchRows } from './batch-rows.ts'
import { WeightPool } from './bench-gpu.ts'
import { copyRows } from './copy-rows.ts'
import { decodeRows, stepRows } from './decode-rows.ts'
import { layerRows } from './layer-rows.ts'
import { matmulRows } from './matmul-rows.ts'
import { prefillRows } from './prefill-rows.ts'
import type { Report } from './report.ts'

/** Sections by name; each reports its rows as it goes. */
const sections = {
  copy: copyRows,
  step: stepRows,
  decode: decodeRows,
  layer: layerRows,
  batch: batchRows,
  prefill: prefillRows,
  matmul: matmulRows,
  attention: attentionRows,
} as const

export const sectionNames: readonly string[] = Object.keys(sections)

/** Measures one section's kernels on the GPU. disabled: features to leave out. Gives the adapter in words. */
export async function runSection(name: string, report: Report, disabled: readonly string[] = []): Promise<string> {
  const gpu = await openGpu({ disabled })
  const { vendor, architecture, device, description } = gpu.adapterInfo
  const adapter = [vendor, architecture, device, description].filter(Boolean).join(' ')
  const pool = new WeightPool(gpu, gpu.software ? 2 ** 24 : undefined)
  try {
    report({ section: name, adapter, abilities: gpu.abilities, disabled })
    await sections[name as keyof typeof sections](gpu, pool, (row) => report({ section: name, ...row }))
  } finally {
    pool.destroy()
    gpu.destroy()
  }
  return adapter
}
