import { describe, expect, it } from 'vitest'
import { allKernels, defineKernel } from '../../../src/gpu/kernel.ts'

const SOURCE = `
struct Params { rows: u32, eps: f32 } // one block
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;
@compute @workgroup_size(1) fn main() { out[0] = x[0] * params.eps; }
`
const PARAMS = { rows: 'u32', eps: 'f32' } as const

describe('defineKernel', () => {
  it('reads which buffers are written and the params in order', () => {
    const kernel = defineKernel({ name: 'k1', code: [SOURCE], buffers: ['x', 'out'], params: PARAMS })
    expect(kernel.writable).toEqual([false, true])
    expect(kernel.paramList).toEqual([
      ['rows', 'u32'],
      ['eps', 'f32'],
    ])
    expect(allKernels()).toContain(kernel)
  })

  const DRIFTS: [what: string, change: object, message: RegExp][] = [
    ['a buffer is missing', { buffers: ['x'] }, /binds \[x,out\], the definition lists \[x\]/],
    ['buffers are in another order', { buffers: ['out', 'x'] }, /binds \[x,out\]/],
    ['a param is missing', { params: { rows: 'u32' } }, /struct Params has \[rows:u32,eps:f32\]/],
    ['a param has another type', { params: { rows: 'f32', eps: 'f32' } }, /the definition lists \[rows:f32,eps:f32\]/],
  ]
  for (const [what, change, message] of DRIFTS) {
    it(`throws when ${what}`, () => {
      expect(() => defineKernel({ name: 'drift', code: [SOURCE], buffers: ['x', 'out'], params: PARAMS, ...change })).toThrow(message)
    })
  }

  it('throws when a binding number is left out', () => {
    const gap = SOURCE.replace('@binding(1) var<storage', '@binding(2) var<storage')
    expect(() => defineKernel({ name: 'gap', code: [gap], buffers: ['x', 'out'], params: PARAMS })).toThrow(
      /binding 2 \(out\) stands at place 1/,
    )
  })

  it('throws when other code takes a name that is in use', () => {
    defineKernel({ name: 'k2', code: [SOURCE], buffers: ['x', 'out'], params: PARAMS })
    expect(() => defineKernel({ name: 'k2', code: [`${SOURCE}// other`], buffers: ['x', 'out'], params: PARAMS })).toThrow(
      /two kernels are named k2/,
    )
  })
})
