// reference: attention-combine
import code from '../../shaders/decode-combine.wgsl'
import mergedSplits from '../../shaders/lib/merged-splits.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape } from '../gpu/tensor.ts'
import type { DecodeWeight } from './decode-residual.ts'
import { type Acts, actCode, type DecodeVariant, unitsOf } from './lib/decode-code.ts'
import type { SplitAttention } from './paged-attention-decode.ts'

const kernelFor = (act: DecodeVariant['act']) => {
  const [enables, ...acts] = actCode(act)
  return defineKernel({
    name: `decode-combine-${act}`,
    code: [enables, ...acts, mergedSplits, code],
    buffers: ['partials', 'stats', 'out'],
    params: { splits: 'u32', units: 'u32' },
    features: act === 'f16' ? ['shader-f16'] : [],
  })
}

const kernels = { f32: kernelFor('f32'), f16: kernelFor('f16') }

/** Merges the splits of pagedAttentionDecode to the input of a product with a weight of format `next`. */
export function decodeCombine(step: Step, { partials, stats }: SplitAttention, next: DecodeWeight['format'], { act }: DecodeVariant): Acts {
  const [tokens = 0, heads = 0, splits = 0, headDim = 0] = partials.shape
  expectShape('decodeCombine stats', stats, [tokens, heads, splits, 2])
  const values = step.scratch(act, [tokens, heads * headDim])
  step.dispatch(kernels[act], {
    buffers: [partials, stats, values],
    params: { splits, units: unitsOf(next, act) },
    constants: { HEADS: heads, HEAD_DIM: headDim },
    workgroups: [Math.ceil((heads * headDim) / 4 / 64), tokens],
  })
  return { values, squares: undefined }
}
