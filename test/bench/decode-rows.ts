import type { Gpu } from '../../src/gpu/device.ts'
import { decodeStep } from '../../src/layers/decode-step.ts'
import { relativeError } from '../support/compare.ts'
import { upload } from '../support/gpu.ts'
import { measure, settle, type WeightPool } from './bench-gpu.ts'
import { bytesOf, freeBatch, randomBatch, randomModel, withAbilities } from './random-decoder.ts'
import { attempt, type Report, round } from './report.ts'
import { DECODERS, SMALL } from './shapes.ts'

/** Whole decode steps, without sampling, by shape and batch, on GPUs with fewer and fewer abilities. */
export const decodeRows = (gpu: Gpu, pool: WeightPool, report: Report): Promise<void> => steps(gpu, pool, report, [1, 4, 16])

/** The same for one token on the whole GPU. */
export const stepRows = (gpu: Gpu, pool: WeightPool, report: Report): Promise<void> => steps(gpu, pool, report, [1], false)

async function steps(gpu: Gpu, pool: WeightPool, report: Report, batches: readonly number[], lesser = true): Promise<void> {
  for (const s of gpu.software ? [SMALL] : DECODERS) {
    const model = randomModel(gpu, pool, s)
    const half = s.headDim / 2
    const context = gpu.software ? 100 : 1024
    const table = [context + 2, half]
    const angles = {
      cos: upload(gpu, 'f32', table, new Float32Array(table[0]! * half).fill(0.8)),
      sin: upload(gpu, 'f32', table, new Float32Array(table[0]! * half).fill(0.6)),
    }
    const options = { ...s, ...angles, sections: [half, 0, 0] as const, epsilon: 1e-6 }
    const bytes = [model.head, ...model.layers.flatMap((l) => [l.qkv, l.o, l.gateUp, l.down])].reduce((sum, w) => sum + bytesOf(w), 0)
    const { f16 } = gpu.abilities
    let exact: Float32Array | undefined
    for (const tokens of batches) {
      const batch = randomBatch(gpu, s, tokens, context, 8)
      const kvBytes = tokens * context * s.layers * s.kvHeads * s.headDim * 4
      const full = { f16, subgroup: gpu.abilities.subgroup }
      const others = [
        { f16: false, subgroup: 0 },
        { ...full, subgroup: 0 },
        { ...full, f16: false },
      ]
      const variants = [
        ...(tokens === 1 && lesser ? others.map((other) => ({ ...other, splits: 8, fused: true })) : []),
        { ...full, splits: 8, fused: true },
        { ...full, splits: 4, fused: true },
        { ...full, splits: 8, fused: false },
        { ...full, splits: 16, fused: false },
      ].filter(({ fused }) => tokens === 1 || !fused)
      for (const { splits, fused, ...abilities } of variants) {
        await attempt(report, { shape: s.name, tokens, context, ...abilities, splits, fused }, async () => {
          const found = await measure(gpu, (step) => [
            decodeStep(withAbilities(step, abilities), model, { ...batch, kvSplits: splits }, { ...options, fusedSplits: fused ? 8 : 0 }),
          ])
          const [logits = new Float32Array()] = found.outputs
          // The first of several sequences has the same tokens and pages as the only one.
          exact ??= logits
          const error = relativeError(logits.subarray(0, s.vocabulary), exact)
          return {
            microseconds: round(found.microseconds, 4),
            tokensPerSecond: round((tokens * 1e6) / found.microseconds, 4),
            tbPerSecond: round((bytes + kvBytes) / found.microseconds / 1e6),
            dispatches: found.dispatches,
            cpuMicroseconds: round(found.cpuMicroseconds),
            errorToF32: round(error),
            finite: logits.every(Number.isFinite),
          }
        })
      }
      freeBatch(gpu, batch)
    }
    await settle(gpu)
  }
}
