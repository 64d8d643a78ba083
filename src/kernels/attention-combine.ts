import code from '../../shaders/attention-combine.wgsl'
import mergedSplits from '../../shaders/lib/merged-splits.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, type Tensor } from '../gpu/tensor.ts'
import type { SplitAttention } from './paged-attention-decode.ts'

const kernel = defineKernel({
  name: 'attention-combine',
  code: [mergedSplits, code],
  buffers: ['partials', 'stats', 'out'],
  params: { splits: 'u32' },
})

/** Merges the splits of pagedAttentionDecode. Gives f32 [tokens, heads · headDim]. */
export function attentionCombine(step: Step, { partials, stats }: SplitAttention): Tensor {
  const [tokens = 0, heads = 0, splits = 0, headDim = 0] = partials.shape
  expectShape('attentionCombine stats', stats, [tokens, heads, splits, 2])
  const out = step.scratch('f32', [tokens, heads * headDim])
  step.dispatch(kernel, {
    buffers: [partials, stats, out],
    params: { splits },
    constants: { HEADS: heads, HEAD_DIM: headDim },
    workgroups: [Math.ceil((heads * headDim) / 4 / 64), tokens],
  })
  return out
}
