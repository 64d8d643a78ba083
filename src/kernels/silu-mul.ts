import activation from '../../shaders/lib/activation.wgsl'
import code from '../../shaders/silu-mul.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { matrixShape, type Tensor } from '../gpu/tensor.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'

/** Quads of four values that a workgroup makes. */
const QUADS = 256

const kernel = defineKernel({
  name: 'silu-mul',
  code: [activation, code],
  buffers: ['x', 'output'],
  params: { rows: 'u32', quads: 'u32' },
})

/**
 * silu(gate) · up. x: f32 [tokens, 2 · width], each row gate then up, or up then gate if `gateSecond`; 4 divides width.
 * Result: f32 [tokens, width].
 */
export function siluMul(step: Step, x: Tensor, options: { gateSecond?: boolean } = {}): Tensor {
  const [rows, both] = matrixShape('input of siluMul', x)
  if (both % 8 !== 0) throw new Error(`siluMul over rows of ${both} values, which 8 does not divide`)
  const output = step.scratch('f32', [rows, both / 2])
  const quads = both / 8
  step.dispatch(kernel, {
    buffers: [x, output],
    params: { rows, quads },
    constants: { GATE_SECOND: options.gateSecond ? 1 : 0 },
    workgroups: foldWorkgroups(Math.ceil((rows * quads) / QUADS)),
  })
  return output
}
