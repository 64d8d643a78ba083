import type { Abilities } from './abilities.ts'
import type { Constants, Kernel } from './kernel.ts'
import type { DType, Tensor } from './tensor.ts'

/** Sizes of a dispatch, in workgroups. */
export type Workgroups = readonly [number, number?, number?]

/** One dispatch as it is recorded. */
export interface DispatchCall {
  /** In the order of the kernel's buffers. */
  readonly buffers: readonly Tensor[]
  /** Values of the kernel's Params. */
  readonly params?: Readonly<Record<string, number>>
  /** Values of the kernel's overrides. */
  readonly constants?: Constants
  readonly workgroups: Workgroups
}

/**
 * What `forward` writes to: a recording of dispatches. Nothing runs while it is recorded. Everything passed here (shapes, params,
 * workgroup counts) is fixed for the life of the program; what changes from run to run lives in tensors.
 */
export interface Step {
  /**
   * The GPU is a CPU (SwiftShader): a barrier then costs more than the work between two of them, so kernels take workgroups of few
   * threads that each do much.
   */
  readonly software: boolean
  /** Which kernels may be chosen. */
  readonly abilities: Abilities
  /** Stands in for an input that a kernel binds but does not read for these constants (a missing bias, say). 64 zeros, f32. */
  readonly none: Tensor
  /** A tensor that lives until its last use in this recording; its memory is then given to others. Contents start undefined. */
  scratch(dtype: DType, shape: readonly number[]): Tensor
  /** An array of constants uploaded once, when the recording is finished. */
  constant(data: Uint32Array | Int32Array | Float32Array, shape: readonly number[]): Tensor
  dispatch(kernel: Kernel, call: DispatchCall): void
}
