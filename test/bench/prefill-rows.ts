import type { Gpu } from '../../src/gpu/device.ts'
import { forwardDecoder } from '../../src/models/decoder.ts'
import { encodePatches, mergePatches } from '../../src/models/qwen2-vl.ts'
import { relativeError } from '../support/compare.ts'
import { upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'
import { measure, type WeightPool } from './bench-gpu.ts'
import { freeBatch, randomBatch, randomModel, withAbilities } from './random-decoder.ts'
import { attempt, type Report, round } from './report.ts'
import { DECODERS, type DecoderShape, SMALL } from './shapes.ts'

/** Whole prompts and a whole vision tower, with subgroup matrices and without. */
export async function prefillRows(gpu: Gpu, pool: WeightPool, report: Report): Promise<void> {
  const ways = gpu.abilities.matrices ? [true, false] : [false]
  for (const s of gpu.software ? [SMALL] : DECODERS.slice(0, 2)) await prompt(gpu, pool, report, s, ways)
  await tower(gpu, pool, report, ways)
}

async function prompt(gpu: Gpu, pool: WeightPool, report: Report, s: DecoderShape, ways: readonly boolean[]): Promise<void> {
  const tokens = gpu.software ? 40 : 1024
  const half = s.headDim / 2
  const model = randomModel(gpu, pool, s)
  const one = randomBatch(gpu, s, 1, tokens, 1)
  const table = [tokens + 2, half]
  const fill = (value: number) => upload(gpu, 'f32', table, new Float32Array((tokens + 2) * half).fill(value))
  const count = (values: number[]) => upload(gpu, 'u32', [values.length], values)
  const places = Array.from({ length: tokens }, (_, i) => i)
  const tiles = places.filter((i) => i % 64 === 0).flatMap((i) => [i, Math.min(64, tokens - i), 0, i])
  const batch = {
    ...one,
    ...{ tokens, sequences: 1, sampleRows: 1, decode: false },
    tokenIds: count(places),
    positions: upload(gpu, 'i32', [3, tokens], [...places, ...places, ...places]),
    tokenSequence: count(places.map(() => 0)),
    tokenSlot: count(places),
    tiles: upload(gpu, 'u32', [tiles.length / 4, 4], tiles),
    mediaRows: count(places.map(() => 0xffffffff)),
    sampleIndex: count([tokens - 1]),
  }
  const config = {
    ...s,
    rmsNormEps: 1e-6,
    ropeTheta: 1e6,
    sections: [half, 0, 0] as const,
    maxPositions: 4096,
    tied: false,
    qkvBias: false,
    fused: false,
  }
  const tables = { cos: fill(0.8), sin: fill(0.6) }
  let first: Float32Array | undefined
  for (const matrices of ways) {
    await attempt(report, { what: 'prompt', shape: s.name, tokens, matrices }, async () => {
      const found = await measure(gpu, (step) => [forwardDecoder(withAbilities(step, { matrices }), model, config, batch, tables)])
      const [logits = new Float32Array()] = found.outputs
      first ??= logits
      return {
        ...{ milliseconds: round(found.microseconds / 1000), tokensPerSecond: round((tokens * 1e6) / found.microseconds) },
        ...{ dispatches: found.dispatches, error: round(relativeError(logits, first)) },
      }
    })
  }
  freeBatch(gpu, batch)
}

async function tower(gpu: Gpu, pool: WeightPool, report: Report, ways: readonly boolean[]): Promise<void> {
  const [dim, mlp, depth, side] = gpu.software ? [160, 320, 1, 4] : [1280, 5120, 32, 64]
  const c = {
    ...{ depth, dim, heads: dim / 80, headDim: 80, mlp, patchSize: 14, mergeSize: 2, temporalPatchSize: 2, patchInputs: 1176 },
    ...{ merged: 4 * dim, outDim: 1536, activation: 'quick-gelu' as const },
  }
  const vector = (size: number) => upload(gpu, 'f32', [size], randomFloats(3, size, 0.5, 1.5))
  const norm = () => ({ weight: vector(dim), bias: vector(dim) })
  const linear = (rows: number, cols: number) => ({ ...pool.take('f16', rows, cols), bias: vector(rows) })
  const weights = {
    patch: linear(dim, 1176),
    blocks: Array.from({ length: depth }, () => ({
      ...{ norm1: norm(), qkv: linear(3 * dim, dim), proj: linear(dim, dim) },
      ...{ norm2: norm(), fc1: linear(mlp, dim), fc2: linear(dim, mlp) },
    })),
    ...{ mergerNorm: norm(), merger0: linear(4 * dim, 4 * dim), merger2: linear(1536, 4 * dim) },
  }
  const rows = side * side
  const inputs = {
    patches: upload(gpu, 'f32', [rows, 1176], randomFloats(1, rows * 1176)),
    cos: upload(gpu, 'f32', [rows, 40], new Float32Array(rows * 40).fill(0.8)),
    sin: upload(gpu, 'f32', [rows, 40], new Float32Array(rows * 40).fill(0.6)),
  }
  let first: Float32Array | undefined
  for (const matrices of ways) {
    await attempt(report, { what: 'Qwen2-VL tower', patches: rows, matrices }, async () => {
      const found = await measure(gpu, (step) => {
        const way = withAbilities(step, { matrices })
        return [mergePatches(way, weights, c, encodePatches(way, weights, c, [1, side, side], inputs))]
      })
      const [out = new Float32Array()] = found.outputs
      first ??= out
      return { milliseconds: round(found.microseconds / 1000), dispatches: found.dispatches, error: round(relativeError(out, first)) }
    })
  }
}
