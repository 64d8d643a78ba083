import { describe, expect, it } from 'vitest'
import type { DType, Tensor } from '../../../src/gpu/tensor.ts'
import { bytesMoved, trafficOf } from '../../../src/gpu/traffic.ts'

const tensor = (dtype: DType, ...shape: number[]): Tensor => ({ storage: { buffer: undefined, bytes: 0 }, offset: 0, shape, dtype })
const none = tensor('f32', 64)

/** A kernel that writes its last `outputs` buffers. */
const kernel = (buffers: readonly string[], outputs = 1) => ({
  buffers,
  writable: buffers.map((_, i) => i >= buffers.length - outputs),
})

const unused = { read: 0, written: 0 }

describe('trafficOf', () => {
  it('counts each binding once, and nothing for what is not there', () => {
    const matvec = kernel(['x', 'weight', 'scales', 'bias', 'output'])
    const traffic = trafficOf(matvec, [tensor('f32', 64), tensor('u32', 800), tensor('f16', 200), none, tensor('f32', 100)], none)
    expect(bytesMoved(traffic, unused)).toBe(256 + 3200 + 400 + 400)
  })

  it('counts the share of the cache that a step uses', () => {
    const pages = [tensor('f16', 8, 2, 16, 4), tensor('f16', 8, 2, 16, 4)]
    const attention = trafficOf(kernel(['roped', 'k_pages', 'v_pages', 'out']), [tensor('f32', 8), ...pages, tensor('f32', 8)], none)
    expect(bytesMoved(attention, { read: 0.25, written: 1 })).toBe(64 + 0.25 * 2 * 2048)
    const write = trafficOf(kernel(['roped', 'k_pages', 'v_pages'], 2), [tensor('f32', 8), ...pages], none)
    expect(bytesMoved(write, { read: 1, written: 1 / 128 })).toBe(32 + 32)
  })

  it('counts tables that rows are looked up in for no more than what is written', () => {
    const gather = trafficOf(kernel(['ids', 'weight', 'output']), [tensor('u32', 2), tensor('f16', 1000, 8), tensor('f32', 2, 8)], none)
    expect(bytesMoved(gather, unused)).toBe(8 + 64 + 64)
    const rope = trafficOf(
      kernel(['x', 'cosines', 'sines', 'out']),
      [tensor('f32', 16), tensor('f32', 2), tensor('f32', 900), tensor('f32', 16)],
      none,
    )
    expect(bytesMoved(rope, unused)).toBe(64 + 8 + 64 + 64)
  })

  it('counts a matrix in whole where nothing is looked up in it', () => {
    const head = trafficOf(kernel(['x', 'weight', 'output']), [tensor('f32', 8), tensor('f16', 1000, 8), tensor('f32', 4)], none)
    expect(bytesMoved(head, unused)).toBe(32 + 16_000 + 16)
  })
})
