import code from '../../shaders/token-mask.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'

const WORKGROUP_SIZE = 256

/** The kernel's name in a recording. */
export const MASK_KERNEL = 'token-mask'

const kernel = defineKernel({
  name: MASK_KERNEL,
  code: [code],
  buffers: ['logits', 'slots', 'masks', 'out'],
  params: { vocabulary: 'u32', words: 'u32' },
})

/** Which tokens each row may choose. */
export interface TokenMask {
  /** u32 [slots, ⌈vocabulary / 32⌉]: token t may be chosen if bit t mod 32 of word t / 32 is set. */
  readonly table: Tensor
  /** u32 [rows]: each row's slot. */
  readonly slot: Tensor
}

/** Words of a mask. */
export const maskWords = (vocabulary: number): number => Math.ceil(vocabulary / 32)

/** Logits with those of tokens that may not be chosen replaced by -2e36. logits: f32 [rows, vocabulary]. */
export function tokenMask(step: Step, logits: Tensor, mask: TokenMask): Tensor {
  const [rows, vocabulary] = matrixShape('tokenMask logits', logits)
  const words = maskWords(vocabulary)
  expectShape('tokenMask slots', mask.slot, [rows])
  expectShape('tokenMask table', mask.table, [mask.table.shape[0] ?? 0, words])
  const out = step.scratch('f32', [rows, vocabulary])
  step.dispatch(kernel, {
    buffers: [logits, mask.slot, mask.table, out],
    params: { vocabulary, words },
    constants: { WORKGROUP_SIZE },
    workgroups: [Math.ceil(vocabulary / WORKGROUP_SIZE), rows],
  })
  return out
}
