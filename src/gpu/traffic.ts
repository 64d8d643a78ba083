import type { Kernel } from './kernel.ts'
import { byteSize, type Tensor } from './tensor.ts'

/**
 * Bytes that a dispatch moves if each binding is read or written once. Caches do better and repeated reads worse, so this over time is a
 * kernel's useful bandwidth, not what the memory bus saw.
 */
export interface Traffic {
  readonly fixed: number
  /** Of keys and values that are read, and of those that are written, were the whole cache touched: a step touches a share of it. */
  readonly cacheRead: number
  readonly cacheWritten: number
}

/** Shares of the key and value cache, 0 to 1, that a step reads and writes. */
export interface CacheUse {
  readonly read: number
  readonly written: number
}

const CACHE = ['k_pages', 'v_pages']

/** Tables of which a kernel touches rows: beside a binding of indices those named, and everywhere the ones of ''. */
const LOOKED_UP: Readonly<Record<string, readonly string[]>> = {
  ids: ['weight', 'scales'],
  index: ['x'],
  '': ['media', 'cosines', 'sines', 'block_table', 'counts', 'masks', 'state', 'ring'],
}

/**
 * What a dispatch moves. Tables that rows are looked up in count for no more than what the kernel writes; `none`, which stands in for
 * what is not there, for nothing.
 */
export function trafficOf(kernel: Pick<Kernel, 'buffers' | 'writable'>, tensors: readonly Tensor[], none: Tensor): Traffic {
  const names = new Set(kernel.buffers)
  const lookedUp = Object.entries(LOOKED_UP).flatMap(([by, tables]) => (by === '' || names.has(by) ? tables : []))
  const bindings = tensors.flatMap((tensor, i) =>
    tensor.storage === none.storage
      ? []
      : [{ name: kernel.buffers[i] ?? '', bytes: byteSize(tensor.dtype, tensor.shape), written: kernel.writable[i] === true }],
  )
  const sum = (which: (binding: (typeof bindings)[number]) => boolean): number =>
    bindings.filter(which).reduce((total, { bytes }) => total + bytes, 0)
  const isCache = ({ name }: { name: string }): boolean => CACHE.includes(name)
  const isTable = ({ name }: { name: string }): boolean => lookedUp.includes(name)
  const written = sum((each) => each.written && !isCache(each) && !isTable(each))
  const tables = bindings.filter(isTable).reduce((total, { bytes }) => total + Math.min(bytes, written), 0)
  return {
    fixed: sum((each) => !isCache(each) && !isTable(each)) + tables,
    cacheRead: sum((each) => isCache(each) && !each.written),
    cacheWritten: sum((each) => isCache(each) && each.written),
  }
}

/** Bytes of a dispatch in a step that uses the cache so far. */
export const bytesMoved = ({ fixed, cacheRead, cacheWritten }: Traffic, { read, written }: CacheUse): number =>
  fixed + cacheRead * read + cacheWritten * written
