import type { Gpu } from '../../src/gpu/device.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import { matmul } from '../../src/kernels/matmul.ts'
import { MATRIX_TILES, type MatrixTile, subgroupMatmul } from '../../src/kernels/subgroup-matmul.ts'
import type { LinearWeight, WeightFormat } from '../../src/layers/weights.ts'
import { decodeHalves, encodeHalves } from '../../src/util/half.ts'
import { upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'
import { measure, type WeightPool } from './bench-gpu.ts'
import { attempt, type Report, round } from './report.ts'

interface Product {
  readonly what: string
  readonly format: WeightFormat
  readonly tokens: number
  readonly rows: number
  readonly cols: number
}

const PRODUCTS: readonly Product[] = [
  { what: '2B gate-up', format: 'q4', tokens: 1024, rows: 17_920, cols: 1536 },
  { what: '2B down', format: 'q4', tokens: 1024, rows: 1536, cols: 8960 },
  { what: '2B qkv', format: 'q4', tokens: 1024, rows: 2048, cols: 1536 },
  { what: '8B gate-up', format: 'q4', tokens: 1024, rows: 28_672, cols: 4096 },
  { what: '8B down', format: 'q4', tokens: 1024, rows: 4096, cols: 14_336 },
  { what: '8B o', format: 'q4', tokens: 1024, rows: 4096, cols: 4096 },
  { what: 'tower fc1', format: 'f16', tokens: 4096, rows: 5120, cols: 1280 },
  { what: 'tower fc2', format: 'f16', tokens: 4096, rows: 1280, cols: 5120 },
  { what: '2B gate-up, 16 tokens', format: 'q4', tokens: 16, rows: 17_920, cols: 1536 },
]

/** Products of many tokens: subgroup matrices by tile, and the plain kernel. Errors against the CPU for a few outputs. */
export async function matmulRows(gpu: Gpu, pool: WeightPool, report: Report): Promise<void> {
  const products = gpu.software ? [{ what: 'small', format: 'q4', tokens: 70, rows: 130, cols: 256 } as const] : PRODUCTS
  for (const product of products) {
    const { tokens, rows, cols, format } = product
    const values = randomFloats(5, tokens * cols)
    const halves = encodeHalves(values)
    const x16 = upload(gpu, 'f16', [tokens, cols], values)
    const x32 = upload(gpu, 'f32', [tokens, cols], decodeHalves(halves))
    const weight = pool.take(format, rows, cols)
    const row = async (name: string, tile: MatrixTile | undefined): Promise<void> => {
      const of = (kernel: (step: Parameters<typeof matmul>[0], output: Tensor) => void) => async () => {
        const found = await measure(gpu, (step) => {
          const output = step.scratch('f32', [tokens, rows])
          kernel(step, output)
          return [output]
        })
        const tflops = (2 * tokens * rows * cols) / found.microseconds / 1e6
        const error = errorOf(pool, weight, decodeHalves(halves), found.outputs[0] ?? new Float32Array(), tokens)
        return { microseconds: round(found.microseconds), tflops: round(tflops), error: round(error) }
      }
      const call = { ...weight, tokens, activation: 'none' as const, residual: undefined }
      await attempt(report, { ...product, kernel: name }, async () =>
        tile
          ? of((step, output) => subgroupMatmul(step, { ...call, x: x16, output }, tile))()
          : of((step, output) => matmul(step, { ...call, x: x32, output }))(),
      )
    }
    await row('matmul', undefined)
    for (const tile of gpu.abilities.matrices ? MATRIX_TILES : []) {
      await row(`${tile.subgroups.join(' × ')} subgroups of 4 × ${tile.fragments}`, tile)
    }
    for (const { storage } of [x16, x32]) gpu.destroyBuffer(storage.buffer as GPUBuffer)
  }
}

/** The largest error of a few outputs over the sum of magnitudes. */
function errorOf(pool: WeightPool, weight: LinearWeight, x: ArrayLike<number>, out: Float32Array, tokens: number): number {
  const { rows, cols } = weight
  let worst = 0
  for (const token of [0, 17 % tokens, tokens - 1]) {
    for (const row of [0, 33, 777 % rows, rows - 1]) {
      let sum = 0
      let size = 0
      for (let k = 0; k < cols; k++) {
        const product = (x[token * cols + k] ?? Number.NaN) * pool.value(weight, row, k)
        sum += product
        size += Math.abs(product)
      }
      worst = Math.max(worst, Math.abs((out[token * rows + row] ?? Number.NaN) - sum) / size)
    }
  }
  return worst
}
