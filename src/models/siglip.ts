import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { selectRows } from '../layers/embedding.ts'
import { linear } from '../layers/linear.ts'
import { layerNorm } from '../layers/norm.ts'
import type { WeightReader } from '../layers/weights.ts'
import { positionBuckets } from '../util/position-buckets.ts'
import { readNorm, readVitLayer, runVitLayers, type VitConfig } from './vit-layers.ts'

/** The numbers of a SigLIP encoder. */
export interface SiglipConfig extends VitConfig {
  readonly layers: number
  /** Layers of the checkpoint after these. */
  readonly unusedLayers: number
  readonly patchSize: number
  /** Rows, and columns, of the table of positions. */
  readonly tableSide: number
}

/** Declares the weights of a SigLIP encoder. */
export function readSiglip(w: WeightReader, config: SiglipConfig) {
  const { dim, layers, unusedLayers, patchSize, tableSide } = config
  for (let i = 0; i < unusedLayers; i++) w.skip(`encoder.layers.${layers + i}`)
  const embeddings = w.scope('embeddings')
  return {
    patch: embeddings.linear({ name: 'patch_embedding', rows: dim }, 3 * patchSize ** 2, { role: 'encoder', bias: true }),
    positions: embeddings.tensor('position_embedding.weight', [tableSide ** 2, dim]),
    layers: Array.from({ length: layers }, (_, i) => readVitLayer(w.scope(`encoder.layers.${i}`), config)),
    postNorm: readNorm(w, 'post_layernorm', dim),
  }
}

export type SiglipWeights = ReturnType<typeof readSiglip>

/**
 * SigLIP (arXiv:2303.15343) on pictures of any size, as NaViT has it: the table of positions is spread over the picture.
 * patches: f32 [pictures · rows · cols, 3 · patchSize²] of pictures of one size. Gives f32 [pictures · rows · cols, dim] after the last norm.
 */
export function encodeSiglip(
  step: Step,
  w: SiglipWeights,
  c: SiglipConfig,
  patches: Tensor,
  grid: readonly [rows: number, cols: number],
): Tensor {
  const places = tablePlaces(grid, patches.shape[0] ?? 0, c.tableSide)
  const positions = selectRows(step, w.positions, step.constant(places, [places.length]))
  const x = runVitLayers(step, linear(step, patches, w.patch, { residual: positions }), w.layers, c, grid[0] * grid[1])
  return layerNorm(step, x, w.postNorm.weight, w.postNorm.bias, c.epsilon)
}

/** The table's row for every patch, row by row, picture after picture. */
function tablePlaces([rows, cols]: readonly [number, number], count: number, side: number): Uint32Array {
  const down = positionBuckets(rows, side)
  const across = positionBuckets(cols, side)
  return Uint32Array.from({ length: count }, (_, i) => (down[Math.floor(i / cols) % rows] ?? 0) * side + (across[i % cols] ?? 0))
}
