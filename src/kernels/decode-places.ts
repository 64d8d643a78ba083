import code from '../../shaders/decode-places.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { expectShape, matrixShape, type Tensor } from '../gpu/tensor.ts'
import type { KvPlaces } from './kv-write.ts'
import type { RopeSections } from './rope.ts'

const kernel = defineKernel({
  name: 'decode-places',
  code: [code],
  buffers: ['positions', 'token_sequence', 'token_slot', 'block_table', 'cosines', 'sines', 'places'],
  params: { tokens: 'u32', max_blocks: 'u32' },
})

/**
 * Place in the pages and rotary angles of a decode step's tokens, u32 [tokens, 2 + headDim]: block, slot in it, bits of headDim / 2 cosines
 * and as many sines. positions: i32 [3, tokens]; cos, sin: f32 [positions, headDim / 2].
 */
export function decodePlaces(
  step: Step,
  batch: KvPlaces & { readonly positions: Tensor },
  angles: { readonly cos: Tensor; readonly sin: Tensor; readonly sections: RopeSections },
): Tensor {
  const { cos, sin, sections } = angles
  const [, tokens] = matrixShape('positions of decodePlaces', batch.positions)
  const [, half] = matrixShape('cos of decodePlaces', cos)
  expectShape('sin of decodePlaces', sin, cos.shape)
  const [, maxBlocks] = matrixShape('blockTable of decodePlaces', batch.blockTable)
  const places = step.scratch('u32', [tokens, 2 + 2 * half])
  step.dispatch(kernel, {
    buffers: [batch.positions, batch.tokenSequence, batch.tokenSlot, batch.blockTable, cos, sin, places],
    params: { tokens, max_blocks: maxBlocks },
    constants: { HALF: half, FIRST_END: sections[0], SECOND_END: sections[0] + sections[1] },
    workgroups: [Math.ceil(half / 64), tokens],
  })
  return places
}
