import type { Step } from '../../gpu/step.ts'

/** Constants of shaders/lib/workgroup-reduce.wgsl: threads that scan a row together, a power of two. */
export const reduceConstants = (step: Step): { WORKGROUP_SIZE: number } => ({ WORKGROUP_SIZE: step.software ? 4 : 256 })
