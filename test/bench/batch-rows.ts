import type { Gpu } from '../../src/gpu/device.ts'
import type { Step } from '../../src/gpu/step.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import type { Batch } from '../../src/layers/batch.ts'
import { batchStep, takesBatchStep } from '../../src/layers/batch-step.ts'
import { decodeStep } from '../../src/layers/decode-step.ts'
import { relativeError } from '../support/compare.ts'
import { upload } from '../support/gpu.ts'
import { measure, settle, type WeightPool } from './bench-gpu.ts'
import { bytesOf, freeBatch, randomBatch, randomModel } from './random-decoder.ts'
import { attempt, type Report, round } from './report.ts'
import { DECODERS, SMALL } from './shapes.ts'

/** Whole decode steps of several sequences, without sampling: the kernels that read weights once, by splits of attention, and those for one token. */
export async function batchRows(gpu: Gpu, pool: WeightPool, report: Report): Promise<void> {
  for (const s of gpu.software ? [SMALL] : DECODERS.slice(0, 2)) {
    const model = randomModel(gpu, pool, s)
    const half = s.headDim / 2
    const context = gpu.software ? 100 : 1024
    const table = [context + 2, half]
    const fill = (value: number): Tensor => upload(gpu, 'f32', table, new Float32Array((context + 2) * half).fill(value))
    const options = { ...s, cos: fill(0.8), sin: fill(0.6), sections: [half, 0, 0] as const, epsilon: 1e-6 }
    const bytes = [model.head, ...model.layers.flatMap((l) => [l.qkv, l.o, l.gateUp, l.down])].reduce((sum, w) => sum + bytesOf(w), 0)
    for (const tokens of [16, 4, 8, 2]) {
      const batch = randomBatch(gpu, s, tokens, context, 8)
      const kvBytes = tokens * context * s.layers * s.kvHeads * s.headDim * 4
      const ways: [string, number, (step: Step, b: Batch) => Tensor][] = [['decode', 8, (step, b) => decodeStep(step, model, b, options)]]
      for (const splits of tokens === 16 ? [1, 2, 4, 8] : [4, 8])
        ways.push(['batch', splits, (step, b) => batchStep(step, model, b, options)])
      let first: Float32Array | undefined
      for (const [kernels, kvSplits, forward] of ways) {
        await attempt(report, { shape: s.name, tokens, context, kernels, kvSplits }, async () => {
          let taken = true
          const found = await measure(
            gpu,
            (step) => {
              taken = kernels === 'decode' || takesBatchStep(step, model, batch, s)
              return taken ? [forward(step, { ...batch, kvSplits })] : []
            },
            40,
          )
          if (!taken) return { taken }
          const [logits = new Float32Array()] = found.outputs
          first ??= logits
          return {
            microseconds: round(found.microseconds, 4),
            tokensPerSecond: round((tokens * 1e6) / found.microseconds, 4),
            tbPerSecond: round((bytes + kvBytes) / found.microseconds / 1e6),
            ...{ dispatches: found.dispatches, error: round(relativeError(logits, first)), finite: logits.every(Number.isFinite) },
          }
        })
      }
      freeBatch(gpu, batch)
    }
    await settle(gpu)
  }
}
