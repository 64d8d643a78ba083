import { type Json, layerNorm, linear, matrix, repeat, type ShapeTensor } from './shape.ts'

/** Sizes of a vision transformer as CLIP's and SigLIP's configs name them. */
export interface TowerSizes {
  readonly hidden: number
  readonly intermediate: number
  readonly layers: number
  readonly imageSize: number
  readonly patchSize: number
}

/** openai/clip-vit-large-patch14-336. */
export const CLIP_LARGE_336: TowerSizes = { hidden: 1024, intermediate: 4096, layers: 24, imageSize: 336, patchSize: 14 }

export const towerSizes = (config: Json): TowerSizes => ({
  hidden: Number(config['hidden_size']),
  intermediate: Number(config['intermediate_size']),
  layers: Number(config['num_hidden_layers']),
  imageSize: Number(config['image_size']),
  patchSize: Number(config['patch_size']),
})

/** A CLIP vision tower, its unused last norm included. at: what its names begin with. */
export function clipTensors(at: string, sizes: TowerSizes): ShapeTensor[] {
  const { hidden, imageSize, patchSize } = sizes
  const patches = (imageSize / patchSize) ** 2
  return [
    matrix(`${at}embeddings.class_embedding`, hidden),
    matrix(`${at}embeddings.patch_embedding.weight`, hidden, 3, patchSize, patchSize),
    matrix(`${at}embeddings.position_embedding.weight`, patches + 1, hidden),
    ...layerNorm(`${at}pre_layrnorm`, hidden),
    ...towerLayers(at, sizes),
    ...layerNorm(`${at}post_layernorm`, hidden),
  ]
}

/** A SigLIP tower for pictures of any size, its table of positions as large as `imageSize` asks for. */
export function siglipTensors(at: string, sizes: TowerSizes): ShapeTensor[] {
  const { hidden, imageSize, patchSize } = sizes
  return [
    ...linear(`${at}embeddings.patch_embedding`, hidden, 3, patchSize, patchSize),
    matrix(`${at}embeddings.position_embedding.weight`, Math.floor(imageSize / patchSize) ** 2, hidden),
    ...towerLayers(at, sizes),
    ...layerNorm(`${at}post_layernorm`, hidden),
  ]
}

function towerLayers(at: string, { hidden, intermediate, layers }: TowerSizes): ShapeTensor[] {
  return repeat(layers, (i) => {
    const layer = `${at}encoder.layers.${i}.`
    return [
      ...layerNorm(`${layer}layer_norm1`, hidden),
      ...['q_proj', 'k_proj', 'v_proj', 'out_proj'].flatMap((name) => linear(`${layer}self_attn.${name}`, hidden, hidden)),
      ...layerNorm(`${layer}layer_norm2`, hidden),
      ...linear(`${layer}mlp.fc1`, intermediate, hidden),
      ...linear(`${layer}mlp.fc2`, hidden, intermediate),
    ]
  })
}
