import type { Gpu } from '../../src/gpu/device.ts'
import type { Step } from '../../src/gpu/step.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import { pagedAttention } from '../../src/kernels/paged-attention.ts'
import { pagedAttentionDecode } from '../../src/kernels/paged-attention-decode.ts'
import { pagedFlash } from '../../src/kernels/paged-flash.ts'
import { splitAttention, takesSplitAttention } from '../../src/kernels/split-attention.ts'
import { visionAttention } from '../../src/kernels/vision-attention.ts'
import { visionFlash } from '../../src/kernels/vision-flash.ts'
import { relativeError } from '../support/compare.ts'
import { upload } from '../support/gpu.ts'
import { pagedBatch, randomPages, uploadBatch } from '../support/paged-batch.ts'
import { randomFloats } from '../support/random.ts'
import { measure, type WeightPool } from './bench-gpu.ts'
import { attempt, type Report, round } from './report.ts'

const TILES = [
  [32, 4],
  [32, 8],
] as const

/** Attention of towers, prompts and decode steps. */
export async function attentionRows(gpu: Gpu, _pool: WeightPool, report: Report): Promise<void> {
  const small = gpu.software
  const { matrices } = gpu.abilities
  for (const [rows, heads, headDim] of small
    ? [[64, 2, 80]]
    : [
        [4096, 16, 80],
        [1024, 16, 72],
        [577, 16, 64],
      ]) {
    const qkv = upload(gpu, 'f32', [rows!, 3 * heads! * headDim!], randomFloats(1, rows! * 3 * heads! * headDim!))
    const size = { heads: heads!, headDim: headDim!, segment: rows! }
    const flops = 4 * rows! * rows! * heads! * headDim!
    const kernels: [string, (step: Step) => Tensor][] = [['vision-attention', (step) => visionAttention(step, qkv, qkv, size)]]
    for (const [keys, subgroups] of matrices ? TILES : []) {
      kernels.push([`vision-flash, ${keys} keys, ${subgroups} subgroups`, (step) => visionFlash(step, qkv, qkv, size, { keys, subgroups })])
    }
    await compare(gpu, report, { what: 'tower', rows, heads, headDim }, flops, kernels)
    gpu.destroyBuffer(qkv.storage.buffer as GPUBuffer)
  }
  for (const [cached, tokens, heads, kvHeads] of small
    ? [[0, 40, 4, 2]]
    : [
        [0, 1024, 12, 2],
        [0, 1024, 32, 8],
        [0, 1024, 32, 32],
      ]) {
    const dim = small ? 64 : 128
    const { kv, places } = pages(gpu, cached!, tokens!, kvHeads!, dim)
    const width = (heads! + kvHeads!) * dim
    const roped = upload(gpu, 'f32', [tokens!, width], randomFloats(1, tokens! * width))
    const flops = 4 * (tokens! * cached! + (tokens! * tokens!) / 2) * heads! * dim
    const kernels: [string, (step: Step) => Tensor][] = [
      ['paged-attention', (step) => pagedAttention(step, roped, kv, places.blockTable, places.tiles, heads!)],
    ]
    for (const keys of matrices ? [32] : []) {
      kernels.push([`paged-flash, ${keys} keys`, (step) => pagedFlash(step, roped, kv, places.blockTable, places.tiles, heads!, { keys })])
    }
    await compare(gpu, report, { what: 'prompt', cached, tokens, heads, kvHeads }, flops, kernels)
    for (const { storage } of [roped, kv.k, kv.v]) gpu.destroyBuffer(storage.buffer as GPUBuffer)
  }
  for (const [heads, kvHeads] of small
    ? [[4, 2]]
    : [
        [12, 2],
        [32, 8],
      ]) {
    for (const context of small ? [64] : [128, 1024, 4096]) {
      for (const splits of [4, 8, 16, 32]) {
        await attempt(report, { what: 'decode', context, heads, kvHeads, splits }, () => decode(gpu, context, heads!, kvHeads!, splits))
      }
    }
  }
}

/** Kernels for the same attention: time, and the largest difference from the first. */
async function compare(gpu: Gpu, report: Report, row: object, flops: number, kernels: [string, (step: Step) => Tensor][]): Promise<void> {
  let first: Float32Array | undefined
  for (const [kernel, forward] of kernels) {
    await attempt(report, { ...row, kernel }, async () => {
      const { microseconds, outputs } = await measure(gpu, (step) => [forward(step)])
      const [output = new Float32Array()] = outputs
      first ??= output
      return { microseconds: round(microseconds), tflops: round(flops / microseconds / 1e6), error: round(relativeError(output, first)) }
    })
  }
}

function pages(gpu: Gpu, cached: number, added: number, kvHeads: number, headDim: number) {
  const batch = pagedBatch([[cached, added]], 3)
  const shape = [batch.blocks, kvHeads, 16, headDim]
  const [k, v] = [5, 6].map((seed) => upload(gpu, 'f16', shape, randomPages(batch, kvHeads, headDim, 'f16', seed)))
  return { batch, kv: { k: k!, v: v! }, places: uploadBatch(gpu, batch) }
}

async function decode(gpu: Gpu, context: number, heads: number, kvHeads: number, splits: number) {
  const headDim = gpu.software ? 64 : 128
  const { kv, places } = pages(gpu, context - 1, 1, kvHeads, headDim)
  const queries = upload(gpu, 'f32', [1, heads * headDim], randomFloats(1, heads * headDim))
  const time = async (attend: typeof splitAttention) =>
    round(
      (await measure(gpu, (step) => Array.from({ length: 10 }, () => attend(step, queries, kv, places, heads, splits).partials)))
        .microseconds / 10,
    )
  const plain = await time(pagedAttentionDecode)
  const subgroups = takesSplitAttention({ abilities: gpu.abilities, software: false }, headDim) ? await time(splitAttention) : undefined
  for (const { storage } of [queries, kv.k, kv.v]) gpu.destroyBuffer(storage.buffer as GPUBuffer)
  return { plain, subgroups }
}
