/** What kernels may count on beside the core of WebGPU. */
export interface Abilities {
  /** Arithmetic and storage in f16. */
  readonly f16: boolean
  /** Threads of every subgroup; 0: there are none, or their size varies. */
  readonly subgroup: number
  /** Subgroup matrices of 16 × 16 × 16, f16 summed in f32, in subgroups of 32 threads. */
  readonly matrices: boolean
  /** The threads of a subgroup run together: what they write to a workgroup's memory, its others read in the order of the code. */
  readonly lockstep: boolean
  /** Storage buffers of one kernel. */
  readonly storageBuffers: number
  /** Bytes of a workgroup's memory. */
  readonly workgroupMemory: number
}

/** The feature behind Abilities.matrices; experimental, so that Chromium offers it only with unsafe features on. */
export const MATRIX_FEATURE = 'chromium-experimental-subgroup-matrix' as GPUFeatureName

interface MatrixConfig {
  readonly componentType: string
  readonly resultComponentType: string
  readonly M: number
  readonly N: number
  readonly K: number
}

/** What a device can do, by the features it was opened with. */
export function abilitiesOf(device: GPUDevice, info: GPUAdapterInfo): Abilities {
  const { features, limits } = device
  const f16 = features.has('shader-f16')
  const subgroup = features.has('subgroups') && info.subgroupMinSize === info.subgroupMaxSize ? (info.subgroupMinSize ?? 0) : 0
  const configs = (info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> }).subgroupMatrixConfigs ?? []
  const suitable = [...configs].some(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === 'f16' && resultComponentType === 'f32' && M === 16 && N === 16 && K === 16,
  )
  return {
    f16,
    subgroup,
    matrices: f16 && subgroup === 32 && suitable && features.has(MATRIX_FEATURE),
    // Tested on NVIDIA only; elsewhere a barrier is used.
    lockstep: info.vendor === 'nvidia',
    storageBuffers: limits.maxStorageBuffersPerShaderStage,
    workgroupMemory: limits.maxComputeWorkgroupStorageSize,
  }
}
