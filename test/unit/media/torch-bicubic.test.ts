import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { torchBicubic } from '../../../src/media/torch-bicubic.ts'

interface Case {
  in_hw: [number, number]
  out_hw: [number, number]
  input: number[]
  output: number[]
}

const { cases } = JSON.parse(readFileSync(new URL('../../goldens/tables/torch_bicubic.json', import.meta.url), 'utf8')) as { cases: Case[] }

describe('torchBicubic', () => {
  it.each(cases)('gives the values of torch: $in_hw to $out_hw', ({ in_hw, out_hw, input, output }) => {
    const resized = torchBicubic(Float32Array.from(input), in_hw, out_hw)
    expect(resized.length).toBe(output.length)
    expect(Math.max(...output.map((value, i) => Math.abs(value - (resized[i] ?? Number.NaN))))).toBeLessThan(1e-5)
  })

  it('treats planes alone', () => {
    const [first, second] = cases
    if (!first || !second) throw new Error('the table is empty')
    const plane = Float32Array.from(first.input)
    const doubled = Float32Array.from([...plane, ...plane.map((value) => 2 * value)])
    const once = torchBicubic(plane, first.in_hw, first.out_hw)
    expect([...torchBicubic(doubled, first.in_hw, first.out_hw)]).toEqual([...once, ...once.map((value) => 2 * value)])
  })
})
