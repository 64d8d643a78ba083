// reference: gather-rows
import code from '../../shaders/decode-embed.wgsl'
import workgroupSum from '../../shaders/lib/workgroup-sum.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { elementCount, expectShape, type Tensor } from '../gpu/tensor.ts'
import type { DecodeWeight, NextProduct } from './decode-residual.ts'
import { type Acts, actCode, type DecodeVariant, unitsOf } from './lib/decode-code.ts'
import { perFormat } from './lib/weight-code.ts'

const kernelsFor = (act: DecodeVariant['act']) =>
  perFormat((format, weight) => {
    const [enables, ...acts] = actCode(act)
    return defineKernel({
      name: `decode-embed-${format}-${act}`,
      code: [enables, weight, ...acts, workgroupSum, code],
      buffers: ['ids', 'weight', 'scales', 'media_rows', 'media', 'norm', 'x', 'acts', 'squares'],
      params: { rows: 'u32', quads: 'u32', units: 'u32' },
      features: act === 'f16' ? ['shader-f16'] : [],
    })
  })

const kernels = { f32: kernelsFor('f32'), f16: kernelsFor('f16') }

/** Embeddings x of a decode step's tokens, f32 [tokens, cols], and the first product's input. ids, mediaRows: u32 [tokens]. */
export function decodeEmbed(
  step: Step,
  table: DecodeWeight,
  batch: { readonly tokenIds: Tensor; readonly mediaRows: Tensor; readonly media: Tensor },
  next: NextProduct,
  { act }: DecodeVariant,
): { x: Tensor; acts: Acts } {
  const { rows, cols, format, data, scales } = table
  const tokens = elementCount(batch.tokenIds.shape)
  expectShape('mediaRows of decodeEmbed', batch.mediaRows, [tokens])
  if (batch.media.shape[1] !== cols) throw new Error(`media has shape [${batch.media.shape}], but embeddings are ${cols} wide`)
  const x = step.scratch('f32', [tokens, cols])
  const values = step.scratch(act, [tokens, cols])
  const squares = step.scratch('f32', [tokens, 1])
  step.dispatch(kernels[act][format], {
    buffers: [batch.tokenIds, data, scales ?? step.none, batch.mediaRows, batch.media, next.norm, x, values, squares],
    params: { rows, quads: cols / 4, units: unitsOf(next.format, act) },
    constants: { THREADS: 256 },
    workgroups: [tokens],
  })
  return { x, acts: { values, squares } }
}
