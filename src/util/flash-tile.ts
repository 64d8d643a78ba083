/** Workgroup memory that every WebGPU device has, in bytes. */
const WORKGROUP_MEMORY = 16384

const VEC4_BYTES = 16

/**
 * Constants of shaders/lib/flash-tile.wgsl: how many columns (groups of four dims) it stages at once so that 16 KiB are enough.
 * headDim: a multiple of 4, at most 128. rows: query rows of a workgroup, a multiple of 8. Errors: the head does not fit.
 */
export function flashTile(headDim: number, rows: number): { ROWS: number; CHUNK: number; STAGED: number } {
  const columns = headDim / 4
  const tileKeys = 2 * columns
  const quads = rows / 4
  const weights = tileKeys * (quads | 1)
  const statistics = 2 * quads
  for (let chunks = 1; chunks <= columns; chunks++) {
    const chunk = Math.ceil(columns / chunks)
    const staged = Math.max(weights, tileKeys * (chunk | 1) + rows * chunk)
    if ((staged + statistics) * VEC4_BYTES <= WORKGROUP_MEMORY) return { ROWS: rows, CHUNK: chunk, STAGED: staged }
  }
  throw new Error(`heads of ${headDim} dims are too large for attention; up to 128 are supported`)
}

/** Throws unless attention kernels can take heads of this size. */
export function expectHeadDim(headDim: number): void {
  if (headDim % 4 !== 0 || headDim < 4 || headDim > 128) throw new Error(`headDim is ${headDim}, expected a multiple of 4 up to 128`)
}
