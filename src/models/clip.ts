import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { classToken } from '../kernels/class-token.ts'
import { selectRows } from '../layers/embedding.ts'
import { linear } from '../layers/linear.ts'
import { layerNorm } from '../layers/norm.ts'
import type { WeightReader } from '../layers/weights.ts'
import { modelLoadError } from '../util/errors.ts'
import type { ConfigReader } from './config-reader.ts'
import { MAX_LAYERS } from './decoder-config.ts'
import { readNorm, readVitLayer, runVitLayers, type VitConfig } from './vit-layers.ts'

/** The numbers of a CLIP vision transformer. */
export interface ClipConfig extends VitConfig {
  /** Layers of the checkpoint. */
  readonly depth: number
  /** Layers that run, the first ones: whose output is wanted. */
  readonly runs: number
  /** Side of a picture and of a patch, in pixels. */
  readonly imageSize: number
  readonly patchSize: number
  /** Patches of a picture, (imageSize / patchSize)². */
  readonly patches: number
  readonly activation: 'quick-gelu' | 'gelu'
}

/** Sizes taken for keys that a config.json leaves out. */
export type ClipDefaults = Readonly<Record<'dim' | 'mlp' | 'heads' | 'depth' | 'imageSize' | 'patchSize', number>>

/** What transformers' CLIPVisionConfig has by default. */
export const CLIP_BASE: ClipDefaults = { dim: 768, mlp: 3072, heads: 12, depth: 12, imageSize: 224, patchSize: 32 }

/** openai/clip-vit-large-patch14-336, the tower of LLaVA-1.5 and Phi-3.5-vision. */
export const CLIP_LARGE_336: ClipDefaults = { dim: 1024, mlp: 4096, heads: 16, depth: 24, imageSize: 336, patchSize: 14 }

/**
 * Reads a CLIP tower's numbers. layer: whose output is wanted, as transformers counts hidden states: 0 is the input of the first
 * layer, −1 the output of the last, −2 of the one before. Errors: ModelLoadError.
 */
export function readClipConfig(vision: ConfigReader, defaults: ClipDefaults, layer: number): ClipConfig {
  const dim = vision.integer('hidden_size', { fallback: defaults.dim })
  const heads = vision.integer('num_attention_heads', { fallback: defaults.heads })
  const depth = vision.integer('num_hidden_layers', { fallback: defaults.depth, max: MAX_LAYERS })
  const imageSize = vision.integer('image_size', { fallback: defaults.imageSize })
  const patchSize = vision.integer('patch_size', { fallback: defaults.patchSize })
  const runs = layer < 0 ? depth + 1 + layer : layer
  if (dim % (heads * 4) !== 0 || dim / heads > 128)
    throw modelLoadError(
      `config.json: the vision tower has ${heads} heads over ${dim} values; a head must be a multiple of 4 of at most 128.`,
    )
  if (imageSize % patchSize !== 0)
    throw modelLoadError(`config.json: the vision tower's image_size ${imageSize} is no multiple of its patch_size ${patchSize}.`)
  if (runs < 0 || runs > depth)
    throw modelLoadError(
      `config.json: the vision tower's layer ${layer} is wanted, but it has ${depth}; allowed are ${-depth - 1} to ${depth}.`,
    )
  return {
    dim,
    heads,
    depth,
    runs,
    imageSize,
    patchSize,
    headDim: dim / heads,
    mlp: vision.integer('intermediate_size', { fallback: defaults.mlp }),
    patches: (imageSize / patchSize) ** 2,
    epsilon: vision.positive('layer_norm_eps', 1e-5),
    activation: readActivation(vision.text('hidden_act', 'quick_gelu')),
  }
}

function readActivation(name: string): ClipConfig['activation'] {
  if (name === 'quick_gelu') return 'quick-gelu'
  if (name === 'gelu') return name
  throw modelLoadError(`config.json: the vision tower's hidden_act is "${name}"; supported are quick_gelu and gelu.`)
}

/** Declares the tower's weights. w: where `embeddings`, `pre_layrnorm` and `encoder` stand. Layers that do not run are not read. */
export function readClip(w: WeightReader, config: ClipConfig) {
  const { dim, patches, patchSize, runs, depth } = config
  const embeddings = w.scope('embeddings')
  w.skip('post_layernorm')
  for (let i = runs; i < depth; i++) w.skip(`encoder.layers.${i}`)
  return {
    patch: embeddings.linear({ name: 'patch_embedding', rows: dim }, 3 * patchSize ** 2, { role: 'encoder' }),
    classToken: embeddings.tensor('class_embedding', [dim]),
    positions: embeddings.tensor('position_embedding.weight', [patches + 1, dim]),
    // The misspelling is the checkpoints' own.
    preNorm: readNorm(w, 'pre_layrnorm', dim),
    layers: Array.from({ length: runs }, (_, i) => readVitLayer(w.scope(`encoder.layers.${i}`), config)),
  }
}

export type ClipWeights = ReturnType<typeof readClip>

/**
 * CLIP's vision transformer (arXiv:2103.00020) up to the wanted layer. patches: f32 [pictures · patches, 3 · patchSize²], a picture's in
 * rows from its upper left corner, columns by channel, y, x. Gives f32 [pictures · (patches + 1), dim], each picture's class token first.
 */
export function encodeClip(step: Step, w: ClipWeights, c: ClipConfig, patches: Tensor): Tensor {
  const embedded = classToken(step, linear(step, patches, w.patch), w.classToken, w.positions)
  const x = layerNorm(step, embedded, w.preNorm.weight, w.preNorm.bias, c.epsilon)
  return runVitLayers(step, x, w.layers, c, c.patches + 1)
}

/** The same rows without the class tokens: f32 [pictures · patches, dim]. */
export function dropClassTokens(step: Step, x: Tensor, { patches }: ClipConfig): Tensor {
  const pictures = (x.shape[0] ?? 0) / (patches + 1)
  const index = Uint32Array.from({ length: pictures * patches }, (_, i) => i + Math.floor(i / patches) + 1)
  return selectRows(step, x, step.constant(index, [index.length]))
}
