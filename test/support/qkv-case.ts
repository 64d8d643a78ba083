import { expect } from 'vitest'
import type { Step } from '../../src/gpu/step.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import type { QkvPlaces } from '../../src/kernels/decode-qkv.ts'
import type { DecodeVariant } from '../../src/kernels/lib/decode-code.ts'
import type { NormedInput } from '../../src/kernels/lib/skinny-code.ts'
import type { LinearWeight } from '../../src/layers/weights.ts'
import { kvWrite } from '../reference/kv-write.ts'
import type { MatmulAnswer } from '../reference/matmul.ts'
import { rope } from '../reference/rope.ts'
import { allowedError, worstOf } from './decode-case.ts'
import { runOnce, testGpu, upload } from './gpu.ts'
import { type NormedCase, normedCase } from './normed-case.ts'
import { type PagedBatch, pagedBatch } from './paged-batch.ts'
import { randomFloats } from './random.ts'

/** A token for each of `cached`, which counts the tokens of its sequence before it. */
export interface QkvCase extends Pick<NormedCase, 'format' | 'layout' | 'cols' | 'bias'> {
  readonly pages: 'f16' | 'f32'
  readonly cached: readonly number[]
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
}

/** Gives the queries, and writes keys and values to their pages. */
type QkvKernel = (step: Step, input: NormedInput, weight: LinearWeight, to: Omit<QkvPlaces, 'epsilon'>) => Tensor

/** Expects queries, keys and values to be right, and the rest of the pages to stay. variant: how the kernel takes activations. */
export async function expectQkv(
  { pages, cached, heads, kvHeads, headDim, ...c }: QkvCase,
  variant: DecodeVariant,
  kernel: QkvKernel,
): Promise<void> {
  const gpu = await testGpu()
  const tokens = cached.length
  const rows = (heads + 2 * kvHeads) * headDim
  const batch = pagedBatch(
    cached.map((count) => [count, 1]),
    4,
  )
  const { input, weight, product } = normedCase(gpu, { ...c, tokens, rows, parts: 3, epsilon: 1e-6 }, variant)
  const angles = randomFloats(5, (tokens * headDim) / 2, -3, 3)
  const turns = { cos: angles.map(Math.cos), sin: angles.map(Math.sin) }
  const words = placeWords(batch, turns)
  const before = new Float32Array(batch.blocks * kvHeads * 16 * headDim).fill(0.5)
  const [queries = [], k = [], v = []] = await runOnce(gpu, (step) => {
    const page = () => upload(gpu, pages, [batch.blocks, kvHeads, 16, headDim], before)
    const to = { k: page(), v: page(), places: upload(gpu, 'u32', [tokens, 2 + headDim], words), heads }
    return [kernel(step, input, weight, to), to.k, to.v]
  })
  const shape = { heads, kvHeads, headDim }
  const { roped, sizes } = turned(product, { tokens, rows, ...shape }, turns)
  const allowed = allowedError(c.cols, variant)
  const queriesOf = (from: Float64Array) =>
    Float64Array.from(queries, (_, i) => from[Math.floor(i / (heads * headDim)) * (heads + kvHeads) * headDim + (i % (heads * headDim))]!)
  expect(worstOf(queries, queriesOf(roped), queriesOf(sizes), allowed), 'queries').toBeLessThan(1)
  const written = kvWrite(roped, product.values, { k: before, v: before }, batch, shape)
  const room = kvWrite(sizes, product.magnitudes, { k: before.map(() => 0), v: before.map(() => 0) }, batch, shape)
  const stored = allowed + (pages === 'f16' ? 2 ** -10 : 0)
  expect(worstOf(k, written.k, room.k, stored), 'keys').toBeLessThan(1)
  expect(worstOf(v, written.v, room.v, stored), 'values').toBeLessThan(1)
}

interface Turns {
  readonly cos: Float32Array
  readonly sin: Float32Array
}

/** As decodePlaces gives them: each token's page, its place there, and its cosines and sines. */
function placeWords(batch: PagedBatch, { cos, sin }: Turns): number[] {
  const half = cos.length / batch.tokens
  return Array.from({ length: batch.tokens }, (_, t) => {
    const slot = batch.tokenSlot[t]!
    const block = batch.blockTable[batch.tokenSequence[t]! * batch.maxBlocks + Math.floor(slot / 16)]!
    const own = (table: Float32Array) => new Uint32Array(table.slice(t * half, (t + 1) * half).buffer)
    return [block, slot % 16, ...own(cos), ...own(sin)]
  }).flat()
}

/** Queries and keys after rotation, and their magnitudes: the sum of both halves' is enough for either. */
function turned(
  { values, magnitudes }: MatmulAnswer,
  { tokens, rows, heads, kvHeads, headDim }: { tokens: number; rows: number; heads: number; kvHeads: number; headDim: number },
  { cos, sin }: Turns,
): { roped: Float64Array; sizes: Float64Array } {
  const half = headDim / 2
  const width = (heads + kvHeads) * headDim
  const sizes = Float64Array.from({ length: tokens * width }, (_, i) => {
    const at = Math.floor(i / width) * rows + (i % width)
    const other = i % headDim < half ? at + half : at - half
    return magnitudes[at]! + magnitudes[other]!
  })
  return { roped: rope(values, { rows: tokens, width: rows, heads: heads + kvHeads, headDim }, cos, sin, (t) => t), sizes }
}
