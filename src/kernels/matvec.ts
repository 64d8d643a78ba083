// reference: matmul
import activation from '../../shaders/lib/activation.wgsl'
import epilogue from '../../shaders/lib/epilogue.wgsl'
import shared from '../../shaders/lib/matvec.wgsl'
import code from '../../shaders/matvec.wgsl'
import { defineKernel } from '../gpu/kernel.ts'
import type { Step } from '../gpu/step.ts'
import { foldWorkgroups } from './lib/fold-workgroups.ts'
import { epilogueConstants, epilogueParams, type LinearCall, linearBuffers } from './lib/linear-call.ts'
import { matvecTeam, weightRows } from './lib/matvec-team.ts'
import { chunkColumns, perFormat } from './lib/weight-code.ts'

const kernels = perFormat((format, weight) =>
  defineKernel({
    name: `matvec-${format}`,
    code: [weight, activation, epilogue, shared, code],
    buffers: ['x', 'weight', 'scales', 'bias', 'residual', 'output'],
    params: { tokens: 'u32', rows: 'u32', chunks: 'u32', has_bias: 'u32', has_residual: 'u32' },
  }),
)

/** Linear layer for 1…8 tokens. chunkColumns of the format divide cols. */
export function matvec(step: Step, call: LinearCall): void {
  const { tokens, rows, cols, format } = call
  const team = matvecTeam(call)
  step.dispatch(kernels[format], {
    buffers: linearBuffers(step, call),
    params: { tokens, rows, chunks: cols / chunkColumns[format], ...epilogueParams(call) },
    constants: { ...epilogueConstants(call), ...team, GATED: call.gated ? 1 : 0 },
    workgroups: foldWorkgroups(Math.ceil(weightRows(call) / (team.TEAMS * team.ROWS))),
  })
}
