import code from '../../shaders/unfold-rows.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { matrixShape, type Tensor } from '../gpu/tensor.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'

/** Values that a workgroup makes. */
const VALUES = 64

const kernel = defineKernel({
  name: 'unfold-rows',
  code: [code],
  buffers: ['x', 'output'],
  params: { rows: 'u32', width: 'u32', window: 'u32', stride: 'u32', padding: 'u32', count: 'u32' },
})

/** Windows over the rows of a matrix. */
export interface RowWindows {
  /** Rows of a window, and from one to the next. */
  readonly window: number
  readonly stride: number
  /** Rows of zeros before the first; there are as many after the last as its window needs. */
  readonly padding: number
  /** Windows to make. */
  readonly count: number
  /** The columns of an output row: all places of channel 0, then of channel 1…, as a convolution's weights have them. Default: row after row. */
  readonly channelFirst?: boolean
}

/** Windows of neighbouring rows side by side. x: f32 [rows, width]; result: f32 [count, width · window]. */
export function unfoldRows(step: Step, x: Tensor, { window, stride, padding, count, channelFirst = false }: RowWindows): Tensor {
  const [rows, width] = matrixShape('input of unfoldRows', x)
  const output = step.scratch('f32', [count, width * window])
  const values = count * width * window
  step.dispatch(kernel, {
    buffers: [x, output],
    params: { rows, width, window, stride, padding, count: values },
    constants: { CHANNEL_FIRST: channelFirst ? 1 : 0 },
    workgroups: foldWorkgroups(Math.ceil(values / VALUES)),
  })
  return output
}
