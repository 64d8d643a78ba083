/** Workgroup memory that every WebGPU device has, in vec4s. */
const WORKGROUP_MEMORY = 16384 / 16

/** Columns of keys worth staging at once; with fewer, the barriers between chunks cost more than staging queries again. */
const FAIR_CHUNK = 5

/** Constants of shaders/lib/flash-tile.wgsl, which explains them. */
export interface FlashTile {
  readonly ROWS: number
  readonly CHUNK: number
  readonly QUERY_STRIDE: number
  readonly QUERIES: number
  readonly STAGED: number
}

/**
 * Divides 16 KiB among keys, queries and weights: as many columns (groups of four dims) of keys at once as fit, and queries whole
 * where that leaves enough for keys. headDim: a multiple of 4, at most 128. rows: query rows of a workgroup, a multiple of 8.
 * Errors: the head does not fit.
 */
export function flashTile(headDim: number, rows: number): FlashTile {
  const columns = headDim / 4
  const tileKeys = 4 * Math.ceil(columns / 2)
  const quads = rows / 4
  const divide = (chunk: number, stride: number): FlashTile | undefined => {
    const queries = tileKeys * Math.max(chunk | 1, quads | 1)
    const staged = queries + rows * stride
    // Two vec4s of statistics per quad stand beside what is staged.
    if (staged + 2 * quads > WORKGROUP_MEMORY) return undefined
    return { ROWS: rows, CHUNK: chunk, QUERY_STRIDE: stride, QUERIES: queries, STAGED: staged }
  }
  const chunks = Array.from({ length: columns }, (_, i) => Math.ceil(columns / (i + 1)))
  const whole = chunks.filter((chunk) => chunk >= Math.min(FAIR_CHUNK, columns)).map((chunk) => divide(chunk, columns))
  const tile = [...whole, ...chunks.map((chunk) => divide(chunk, chunk))].find((found) => found !== undefined)
  if (!tile) throw new Error(`heads of ${headDim} dims are too large for attention; up to 128 are supported`)
  return tile
}

/** Throws unless attention kernels can take heads of this size. */
export function expectHeadDim(headDim: number): void {
  if (headDim % 4 !== 0 || headDim < 4 || headDim > 128) throw new Error(`headDim is ${headDim}, expected a multiple of 4 up to 128`)
}
