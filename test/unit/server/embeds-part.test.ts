import { describe, expect, it } from 'vitest'
import { readEmbeds } from '../../../src/server/embeds-part.ts'

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))
const floats = (...values: number[]): string => base64(new Uint8Array(Float32Array.from(values).buffer))

/** A safetensors file of tensors given as type, shape and bytes. */
function file(tensors: Record<string, [type: string, shape: number[], bytes: ArrayBuffer]>): string {
  let end = 0
  const entries = Object.entries(tensors).map(([name, [dtype, shape, { byteLength }]]) => {
    end += byteLength
    return [name, { dtype, shape, data_offsets: [end - byteLength, end] }]
  })
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const length = new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer)
  return base64(Uint8Array.from([...length, ...header, ...Object.values(tensors).flatMap(([, , bytes]) => [...new Uint8Array(bytes)])]))
}

/** Two tensors of a safetensors file that lie at the same place. */
function shared(): string {
  const entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] }
  const header = new TextEncoder().encode(JSON.stringify({ a: entry, b: entry }))
  return base64(Uint8Array.from([header.length, 0, 0, 0, 0, 0, 0, 0, ...header, ...new Uint8Array(8)]))
}

const rows = Float32Array.of(1.5, -2, 0.25, 4, 5, 6)
const embeds: [string, number[], ArrayBuffer] = ['F32', [2, 3], rows.buffer]
const grid: [string, number[], ArrayBuffer] = ['I64', [1, 3], BigInt64Array.of(1n, 2n, 4n).buffer]
const read = (content: unknown) =>
  Object.entries(readEmbeds('image', content, 'at').tensors).map(([name, { data, shape }]) => [name, shape, [...data]])

describe('embeddings in a message', () => {
  const one = [['image_embeds', [2, 3], [...rows]]]
  const both = [...one, ['image_grid_thw', [1, 3], [1, 2, 4]]]
  const good: [string, unknown, unknown][] = [
    ['a tensor in a safetensors file, whatever its name', file({ x: embeds }), one],
    ['float32 with a shape', { data: floats(...rows), shape: [2, 3] }, one],
    ['all tensors in one file', file({ image_embeds: embeds, image_grid_thw: grid }), both],
    ['a file for each', { image_embeds: file({ a: embeds }), image_grid_thw: file({ b: grid }) }, both],
    [
      'each with a shape',
      { image_embeds: { data: floats(...rows), shape: [2, 3] }, image_grid_thw: { data: floats(1, 2, 4), shape: [1, 3] } },
      both,
    ],
    ['a safetensors file that begins as pickles do', file({ ['x'.repeat(584)]: embeds }), one],
    ['half precision', file({ x: ['F16', [2], Uint16Array.of(0x3e00, 0xc000).buffer] }), [['image_embeds', [2], [1.5, -2]]]],
    ['bfloat16', file({ x: ['BF16', [2], Uint16Array.of(0x3fc0, 0xc000).buffer] }), [['image_embeds', [2], [1.5, -2]]]],
  ]
  for (const [what, content, expected] of good) it(`are read: ${what}`, () => expect(read(content)).toEqual(expected))

  const bad: [string, unknown, RegExp][] = [
    ['a number', 5, /^at must be a tensor in base64, or an object/],
    ['nothing', {}, /^at must be a tensor in base64, or an object/],
    ['a list', [], /^at must be a tensor/],
    ['no base64', '%%%', /^at must be a tensor in base64, got "%%%"/],
    ['the start of a file of torch.save', 'UEsDBAAA', /^at is a zip archive that is cut off/],
    ['another file', btoa('hello, this is text'), /^at is in no known format; send a file of torch\.save or safetensors in base64/],
    ['tensors that share their bytes', shared(), /^at has a header in which b shares its bytes with others/],
    ['too many axes', { data: floats(1), shape: new Array(9).fill(1) }, /^at has 9 axes; at most 8 are allowed/],
    ['too few values', { data: floats(1), shape: [2] }, /^at has 4 bytes, but shape \[2\] of F32 takes 8/],
    ['a shape of no numbers', { data: floats(1), shape: ['1'] }, /^at\.shape must be a list of whole numbers/],
    [
      'a cut file',
      base64(Uint8Array.from(atob(file({ x: embeds })), (c) => c.charCodeAt(0)).slice(0, -4)),
      /^at is cut off: x lies at 0 to 24 of 20/,
    ],
    ['a type that is no number', file({ x: ['BOOL', [1], new ArrayBuffer(1)] }), /^at has elements of type BOOL/],
    ['two tensors under one name', { image_embeds: file({ a: embeds, b: grid }) }, /^at\.image_embeds must hold one tensor, got 2/],
  ]
  for (const [what, content, message] of bad) it(`are refused: ${what}`, () => expect(() => read(content)).toThrow(message))
})
