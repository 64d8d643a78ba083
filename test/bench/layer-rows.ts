import type { Gpu } from '../../src/gpu/device.ts'
import type { Step } from '../../src/gpu/step.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import { decodeAttended } from '../../src/kernels/decode-attended.ts'
import { decodeCombine } from '../../src/kernels/decode-combine.ts'
import { decodeGateUp } from '../../src/kernels/decode-gate-up.ts'
import { decodeHead } from '../../src/kernels/decode-head.ts'
import { decodeQkv } from '../../src/kernels/decode-qkv.ts'
import { decodeResidual } from '../../src/kernels/decode-residual.ts'
import type { DecodeVariant, Team } from '../../src/kernels/lib/decode-code.ts'
import { type SplitLayout, splitAttention, takesSplitAttention } from '../../src/kernels/split-attention.ts'
import type { DecodeLayer } from '../../src/layers/decode-step.ts'
import type { LinearWeight } from '../../src/layers/weights.ts'
import { relativeError } from '../support/compare.ts'
import { upload } from '../support/gpu.ts'
import { measure, type WeightPool } from './bench-gpu.ts'
import { bytesOf, freeBatch, randomBatch, randomModel } from './random-decoder.ts'
import { attempt, type Report, round } from './report.ts'
import { DECODERS, type DecoderShape, SMALL } from './shapes.ts'

const team = (LANES: number, TEAMS: number): Team => ({ LANES, TEAMS })
const TEAMS: readonly Team[] = [team(16, 4), team(16, 8), team(32, 2), team(32, 4), team(64, 2), team(128, 1)]

const ATTENDED_TEAMS: readonly Team[] = [team(32, 4), team(32, 8), team(64, 2), team(64, 4), team(128, 2)]

/** The kernels of a fused decode layer one by one, each for all layers in turn, so that weights are cold: one token, context 1024. */
export async function layerRows(gpu: Gpu, pool: WeightPool, report: Report): Promise<void> {
  for (const shape of gpu.software ? [SMALL] : DECODERS.slice(0, 2)) await rowsOf(gpu, pool, report, shape)
}

async function rowsOf(gpu: Gpu, pool: WeightPool, report: Report, s: DecoderShape): Promise<void> {
  const bench = prepare(gpu, pool, report, s)
  await products(bench)
  await attention(bench)
  freeBatch(gpu, bench.batch)
}

type Bench = ReturnType<typeof prepare>

function prepare(gpu: Gpu, pool: WeightPool, report: Report, s: DecoderShape) {
  const { f16, subgroup } = gpu.abilities
  const variant: DecodeVariant = { act: f16 ? 'f16' : 'f32', subgroup }
  const context = gpu.software ? 100 : 1024
  const model = randomModel(gpu, pool, s)
  const batch = randomBatch(gpu, s, 1, context, 8)
  const ones = (dtype: 'f16' | 'f32', shape: readonly number[], value = 1): Tensor => {
    const size = shape.reduce((product, n) => product * n, 1)
    return upload(gpu, dtype, shape, new Float32Array(size).fill(value))
  }
  const input = (width: number) => ({
    values: ones(variant.act, [1, width], variant.act === 'f16' ? 1 / 128 : 1),
    squares: ones('f32', [1, s.hidden / 8], 8),
  })
  const x = ones('f32', [1, s.hidden])
  const norm = { norm: ones('f32', [s.hidden]), format: 'q4' as const }
  // Answers of one kind are compared with the first; the residual stream grows from run to run, and has nothing to compare.
  const answers = new Map<string, Float32Array>()
  const row = (what: { kernel: string; splits?: number }, count: number, bytes: number, forward: (step: Step) => Tensor[], pure = true) =>
    attempt(report, { shape: s.name, ...what }, async () => {
      const found = await measure(gpu, (step) => forward(step).slice(0, 1))
      const microseconds = found.microseconds / count
      const key = `${what.kernel} ${what.splits}`
      const [answer = new Float32Array()] = found.outputs
      if (!answers.has(key)) answers.set(key, answer)
      return {
        microseconds: round(microseconds),
        ...(bytes > 0 && { tbPerSecond: round(bytes / count / microseconds / 1e6) }),
        ...(pure ? { error: round(relativeError(answer, answers.get(key) ?? answer)) } : {}),
      }
    })
  return { gpu, pool, s, variant, model, batch, ones, input, x, norm, row }
}

type Run = (step: Step, weight: LinearWeight, team: Team | undefined, i: number) => Tensor

async function products({ gpu, pool, s, variant, model: { layers }, batch, input, x, norm, row }: Bench): Promise<void> {
  const [hidden, attended, gated] = [input(s.hidden), input(s.heads * s.headDim), input(s.intermediate)]
  const places = gpu.allocate('u32', [1, 2 + s.headDim], 'places')
  const product = async (kernel: string, weights: LinearWeight[], run: Run, pure = true) => {
    const bytes = weights.reduce((sum, weight) => sum + bytesOf(weight), 0)
    for (const team of [undefined, ...TEAMS]) {
      await row({ kernel, ...team }, weights.length, bytes, (step) => weights.map((weight, i) => run(step, weight, team, i)), pure)
    }
  }
  const each = (key: 'qkv' | 'o' | 'gateUp' | 'down') => layers.map((layer: DecodeLayer) => layer[key])
  await product('qkv', each('qkv'), (step, weight, team, i) =>
    decodeQkv(step, hidden, weight, { ...(batch.kv[i] as { k: Tensor; v: Tensor }), places, heads: s.heads, epsilon: 1e-6 }, variant, team),
  )
  await product('o', each('o'), (step, weight, team) => decodeResidual(step, x, attended, weight, norm, variant, team).values, false)
  await product(
    'gate-up',
    each('gateUp'),
    (step, weight, team) => decodeGateUp(step, hidden, weight, { epsilon: 1e-6, next: 'q4' }, variant, team).values,
  )
  await product('down', each('down'), (step, weight, team) => decodeResidual(step, x, gated, weight, norm, variant, team).values, false)
  const heads = Array.from({ length: 4 }, () => pool.take('q8', s.vocabulary, s.hidden))
  await product('head', heads, (step, weight, team) => decodeHead(step, hidden, weight, 1e-6, variant, team))
}

async function attention({ gpu, s, variant, model: { layers }, batch, ones, x, norm, row }: Bench): Promise<void> {
  const queries = ones('f32', [1, s.heads * s.headDim])
  const splitRow = (splits: number, layout?: SplitLayout) =>
    row({ kernel: 'attention', splits, ...layout }, layers.length, 0, (step) =>
      batch.kv.map((kv) => splitAttention(step, queries, kv, batch, s.heads, splits, layout).partials),
    )
  const { subgroup } = variant
  if (takesSplitAttention({ abilities: gpu.abilities, software: false }, s.headDim)) {
    for (const splits of [4, 8, 16, 32]) await splitRow(splits)
    for (const splits of subgroup === 32 ? [8, 16] : []) {
      for (const threads of [64, 128, 256]) {
        for (const lanes of [8, 16]) for (const group of [1, 2]) await splitRow(splits, { threads, lanes, group })
      }
    }
  }
  for (const splits of [4, 8, 16]) {
    const parts = {
      partials: ones('f32', [1, s.heads, splits, s.headDim]),
      stats: ones('f32', [1, s.heads, splits, 2]),
    }
    await row({ kernel: 'combine', splits }, layers.length, 0, (step) => layers.map(() => decodeCombine(step, parts, 'q4', variant).values))
    for (const team of splits > 8 ? [] : ATTENDED_TEAMS) {
      const run = (step: Step) => layers.map(({ o }) => decodeAttended(step, x, parts, o, norm, variant, team).values)
      await row({ kernel: 'attended', splits, ...team }, layers.length, 0, run, false)
    }
  }
}
