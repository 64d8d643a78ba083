import type { Step } from '../gpu/step.ts'
import { elementCount, matrixShape, type Tensor } from '../gpu/tensor.ts'
import { gatherRows } from '../kernels/gather-rows.ts'
import { foldWorkgroups } from '../kernels/lib/fold-workgroups.ts'
import { selectRowsKernel } from '../kernels/select-rows.ts'
import type { Batch } from './batch.ts'
import type { LinearWeight } from './weights.ts'

/** Threads of gather-rows and select-rows; each makes four values. */
const THREADS = 64

/**
 * Embeddings of a batch's tokens: rows of the table, or of the batch's media where those stand. Result: f32 [tokens, cols].
 * Ids past the table read its last row. Errors: media of another width.
 */
export function embed(step: Step, table: LinearWeight, batch: Pick<Batch, 'tokens' | 'tokenIds' | 'mediaRows' | 'media'>): Tensor {
  const { tokens } = batch
  const { rows, cols } = table
  if (batch.media.shape[1] !== cols) throw new Error(`media has shape [${batch.media.shape}], but embeddings are ${cols} wide`)
  const output = step.scratch('f32', [tokens, cols])
  const quads = quadsOf(cols)
  step.dispatch(gatherRows[table.format], {
    buffers: [batch.tokenIds, table.data, table.scales ?? step.none, batch.mediaRows, batch.media, output],
    params: { tokens, rows, quads },
    workgroups: foldWorkgroups(Math.ceil((tokens * quads) / THREADS)),
  })
  return output
}

/** Rows of a matrix by index. x: f32 [rows, cols], index: u32 [count]; result: f32 [count, cols]. */
export function selectRows(step: Step, x: Tensor, index: Tensor): Tensor {
  const [, cols] = matrixShape('input of selectRows', x)
  const count = elementCount(index.shape)
  const output = step.scratch('f32', [count, cols])
  const quads = quadsOf(cols)
  step.dispatch(selectRowsKernel, {
    buffers: [x, index, output],
    params: { count, quads },
    workgroups: foldWorkgroups(Math.ceil((count * quads) / THREADS)),
  })
  return output
}

function quadsOf(cols: number): number {
  if (cols % 4 !== 0) throw new Error(`rows of ${cols} values, which 4 does not divide`)
  return cols / 4
}
