import activation from '../../shaders/lib/activation.wgsl'
import code from '../../shaders/silu-mul.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { matrixShape, type Tensor } from '../gpu/tensor.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'
import { perStored, type Stored } from './lib/quad-code.ts'

/** Quads of four values that a workgroup makes. */
const QUADS = 256

const kernels = perStored((suffix, quad) =>
  defineKernel({
    name: `silu-mul${suffix}`,
    code: [activation, quad, code],
    buffers: ['x', 'output'],
    params: { rows: 'u32', quads: 'u32' },
  }),
)

/**
 * silu(gate) · up. x: f32 [tokens, 2 · width], each row gate then up, or up then gate if `gateSecond`; 4 divides width.
 * Result: [tokens, width], stored as f32 unless said otherwise.
 */
export function siluMul(step: Step, x: Tensor, options: { gateSecond?: boolean; stored?: Stored } = {}): Tensor {
  const [rows, both] = matrixShape('input of siluMul', x)
  if (both % 8 !== 0) throw new Error(`siluMul over rows of ${both} values, which 8 does not divide`)
  const { stored = 'f32' } = options
  const output = step.scratch(stored, [rows, both / 2])
  const quads = both / 8
  step.dispatch(kernels[stored], {
    buffers: [x, output],
    params: { rows, quads },
    constants: { GATE_SECOND: options.gateSecond ? 1 : 0 },
    workgroups: foldWorkgroups(Math.ceil((rows * quads) / QUADS)),
  })
  return output
}
