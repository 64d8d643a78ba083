import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { crossAttention } from '../kernels/cross-attention.ts'
import { gridPositions } from '../kernels/grid-positions.ts'
import { linear, weightRows } from '../layers/linear.ts'
import { layerNorm } from '../layers/norm.ts'
import type { WeightReader } from '../layers/weights.ts'
import { inverseFrequencies } from '../util/rope-table.ts'
import type { ResamplerConfig } from './minicpmv-config.ts'

/** Fixed in the reference's code, as is the base of the positions' frequencies. */
const NORM_EPS = 1e-6
const POSITION_THETA = 10000

/** Declares the weights of the resampler. */
export function readResampler(w: WeightReader, { queries, inputs, hidden }: ResamplerConfig) {
  const norm = (name: string) => ({ weight: w.tensor(`${name}.weight`, [hidden]), bias: w.tensor(`${name}.bias`, [hidden]) })
  const stacked = w.linear({ name: 'attn.in_proj', rows: 3 * hidden }, hidden, { role: 'encoder', bias: true })
  return {
    query: w.tensor('query', [queries, hidden]),
    kv: w.linear({ name: 'kv_proj', rows: hidden }, inputs, { role: 'encoder' }),
    q: weightRows(stacked, 0, hidden),
    k: weightRows(stacked, hidden, hidden),
    v: weightRows(stacked, 2 * hidden, hidden),
    out: w.linear({ name: 'attn.out_proj', rows: hidden }, hidden, { role: 'encoder', bias: true }),
    normQ: norm('ln_q'),
    normKv: norm('ln_kv'),
    normPost: norm('ln_post'),
    proj: w.linear({ name: 'proj', rows: hidden }, hidden, { role: 'encoder', transposed: true }),
  }
}

export type ResamplerWeights = ReturnType<typeof readResampler>

/** The learned queries as attention takes them: f32 [queries, hidden], for every picture the same. */
export const resamplerQueries = (step: Step, w: ResamplerWeights): Tensor =>
  linear(step, layerNorm(step, w.query, w.normQ.weight, w.normQ.bias, NORM_EPS), w.q)

/**
 * Lets the queries attend to the patches of each picture; positions are added to the keys alone. patches: f32
 * [pictures · rows · cols, inputs]; writes out: f32 [pictures · queries, hidden].
 */
export function attendToPatches(
  step: Step,
  w: ResamplerWeights,
  c: ResamplerConfig,
  { query, patches, grid, out }: { query: Tensor; patches: Tensor; grid: readonly [rows: number, cols: number]; out: Tensor },
): void {
  const values = layerNorm(step, linear(step, patches, w.kv), w.normKv.weight, w.normKv.bias, NORM_EPS)
  const places = Math.max(...grid)
  const table = step.constant(positionTable(places, c.hidden / 2), [places, c.hidden / 2])
  const keys = linear(step, gridPositions(step, values, table, grid), w.k)
  const { heads, headDim } = c
  crossAttention(step, query, [keys, linear(step, values, w.v)], { heads, headDim, segment: grid[0] * grid[1], out })
}

/** What the queries found, as embedding rows: f32 [rows, hidden] → the same shape. */
export function projectQueries(step: Step, w: ResamplerWeights, found: Tensor): Tensor {
  const rows = linear(step, found, w.out)
  return linear(step, layerNorm(step, rows, w.normPost.weight, w.normPost.bias, NORM_EPS), w.proj)
}

/** Sines, then cosines, of each coordinate: [places, width]. */
function positionTable(places: number, width: number): Float32Array {
  const half = width / 2
  const frequencies = inverseFrequencies(width, POSITION_THETA)
  const table = new Float32Array(places * width)
  for (let place = 0; place < places; place++) {
    for (let k = 0; k < half; k++) {
      const angle = place * (frequencies[k] ?? 0)
      table[place * width + k] = Math.sin(angle)
      table[place * width + half + k] = Math.cos(angle)
    }
  }
  return table
}
