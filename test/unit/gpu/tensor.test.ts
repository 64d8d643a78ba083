import { describe, expect, it } from 'vitest'
import { rowsOf, type Tensor } from '../../../src/gpu/tensor.ts'
import { weightRows } from '../../../src/layers/linear.ts'
import type { LinearWeight } from '../../../src/layers/weights.ts'

const tensor = (dtype: Tensor['dtype'], shape: readonly number[], offset = 0): Tensor => ({
  storage: { buffer: undefined, bytes: 1 << 20 },
  offset,
  shape,
  dtype,
})

describe('rowsOf', () => {
  it('is a view of the same memory', () => {
    const whole = tensor('f32', [10, 64], 512)
    const part = rowsOf(whole, 3, 2)
    expect(part).toMatchObject({ offset: 512 + 3 * 256, shape: [2, 64], dtype: 'f32' })
    expect(part.storage).toBe(whole.storage)
    expect(rowsOf(tensor('f16', [10, 64]), 4, 6).offset).toBe(512)
  })

  it('refuses rows that are not there, or that no binding can start at', () => {
    expect(() => rowsOf(tensor('f32', [10, 64]), 9, 2)).toThrow('no rows 9…10')
    expect(() => rowsOf(tensor('f16', [10, 64]), 1, 2)).toThrow('128 bytes, no multiple of 256')
  })
})

describe('weightRows', () => {
  const weight: LinearWeight = {
    format: 'f16',
    rows: 384,
    cols: 128,
    data: tensor('f16', [384, 128]),
    scales: undefined,
    bias: tensor('f32', [384]),
  }

  it('cuts matrix and bias alike', () => {
    expect(weightRows(weight, 128, 128)).toMatchObject({
      rows: 128,
      cols: 128,
      data: { offset: 128 * 256, shape: [128, 128] },
      bias: { offset: 512, shape: [128] },
    })
    expect(weightRows({ ...weight, bias: undefined }, 256, 128).bias).toBeUndefined()
  })

  it('refuses quantized weights', () => {
    expect(() => weightRows({ ...weight, format: 'q8', scales: tensor('f16', [10]) }, 0, 128)).toThrow('q8 cannot be split')
  })
})
