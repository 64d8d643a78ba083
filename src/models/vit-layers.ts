import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import { type Activation, linear } from '../layers/linear.ts'
import { visionAttention } from '../layers/vision-attention.ts'
import type { WeightReader } from '../layers/weights.ts'

/** What CLIP's and SigLIP's layers have in common. */
export interface VitConfig {
  readonly dim: number
  readonly mlp: number
  readonly heads: number
  readonly headDim: number
  readonly epsilon: number
  readonly activation: Activation
}

/** Declares a layer norm: weight and bias, f32 [dim]. */
export const readNorm = (w: WeightReader, name: string, dim: number) => ({
  weight: w.tensor(`${name}.weight`, [dim]),
  bias: w.tensor(`${name}.bias`, [dim]),
})

/** Declares the weights of one layer, which stands in `w`. */
export function readVitLayer(w: WeightReader, { dim, mlp }: VitConfig) {
  const projections = ['q_proj', 'k_proj', 'v_proj'].map((name) => ({ name: `self_attn.${name}`, rows: dim }))
  return {
    norm1: readNorm(w, 'layer_norm1', dim),
    qkv: w.linear(projections, dim, { role: 'encoder', bias: true }),
    out: w.linear({ name: 'self_attn.out_proj', rows: dim }, dim, { role: 'encoder', bias: true }),
    norm2: readNorm(w, 'layer_norm2', dim),
    fc1: w.linear({ name: 'mlp.fc1', rows: mlp }, dim, { role: 'encoder', bias: true }),
    fc2: w.linear({ name: 'mlp.fc2', rows: dim }, mlp, { role: 'encoder', bias: true }),
  }
}

export type VitLayer = ReturnType<typeof readVitLayer>

/** A vision transformer's pre-norm layers (arXiv:2010.11929). x: f32 [pictures · segment, dim], a picture's rows together; so the result. */
export function runVitLayers(step: Step, input: Tensor, layers: readonly VitLayer[], c: VitConfig, segment: number): Tensor {
  const { heads, headDim, epsilon, activation } = c
  let x = input
  for (const layer of layers) {
    const qkv = linear(step, x, layer.qkv, { norm: { ...layer.norm1, epsilon } })
    x = linear(step, visionAttention(step, qkv, { heads, headDim, segment, next: layer.out }), layer.out, { residual: x })
    const wide = linear(step, x, layer.fc1, { norm: { ...layer.norm2, epsilon }, activation, next: layer.fc2 })
    x = linear(step, wide, layer.fc2, { residual: x })
  }
  return x
}
