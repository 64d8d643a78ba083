import { describe, expect, it } from 'vitest'
import { MAX_HEADER_BYTES, readSafetensorsHeader } from '../../../src/weights/safetensors.ts'
import { withHeader } from './make-safetensors.ts'
import { thrown } from './thrown.ts'

const read = (bytes: Uint8Array, size = bytes.length) =>
  readSafetensorsHeader({ name: 'x.safetensors', size, read: async (begin, end) => bytes.slice(begin, end) })

const f32 = (begin: number, end: number, shape: number[]) => ({ dtype: 'F32', shape, data_offsets: [begin, end] })

/** Only the length field, and a file of that claimed size. */
function lengthOnly(length: bigint): Uint8Array {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setBigUint64(0, length, true)
  return bytes
}

describe('safetensors header', () => {
  it('gives names, types, shapes and places in the file', async () => {
    const header = { __metadata__: { format: 'pt' }, a: f32(0, 24, [2, 3]), b: { dtype: 'BF16', shape: [4], data_offsets: [24, 32] } }
    const file = withHeader(header, 32)
    const { tensors, metadata, dataBegin } = await read(file)
    expect(dataBegin).toBe(file.length - 32)
    expect([...metadata]).toEqual([['format', 'pt']])
    expect([...tensors]).toEqual([
      ['a', { dtype: 'F32', shape: [2, 3], begin: dataBegin, end: dataBegin + 24 }],
      ['b', { dtype: 'BF16', shape: [4], begin: dataBegin + 24, end: dataBegin + 32 }],
    ])
  })

  it('lists tensors in file order, whatever the order of the keys', async () => {
    const { tensors } = await read(withHeader({ b: f32(8, 12, [1]), c: f32(12, 12, [0]), a: f32(0, 8, [2]) }, 12))
    expect([...tensors.keys()]).toEqual(['a', 'b', 'c'])
  })

  it.each([
    ['no tensors', '{}', 0, 0],
    ['blanks around the JSON', ' \t\r\n{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}   ', 4, 1],
    ['a scalar', { a: f32(0, 4, []) }, 4, 1],
    ['an empty tensor between others', { a: f32(0, 4, [1]), b: f32(4, 4, [3, 0]), c: f32(4, 8, [1]) }, 8, 3],
    ['an empty tensor given after the one that begins at the same place', { c: f32(0, 4, [1]), b: f32(0, 0, [0]) }, 4, 2],
    ['metadata that is null', '{"__metadata__":null}', 0, 0],
    ['fields it does not know', { a: { ...f32(0, 4, [1]), note: 'x' } }, 4, 1],
    ['two 4-bit values in a byte', { a: { dtype: 'F4', shape: [2], data_offsets: [0, 1] } }, 1, 1],
    ['a tensor named __proto__', '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1, 1],
    [
      'names with quotes, backslashes and braces',
      { 'a"': f32(0, 4, [1]), 'a\\': f32(4, 8, [1]), 'a"}': f32(8, 12, [1]), 'b":5,"b': f32(12, 16, [1]) },
      16,
      4,
    ],
    ['numbers in names and metadata', { '-1.5': f32(0, 4, [1]), __metadata__: { a: '"1e5', b: '\\" 1.5' } }, 4, 1],
    ['the same key in two different objects', { a: f32(0, 4, [1]), b: f32(4, 8, [1]) }, 8, 2],
  ])('accepts %s', async (_what, header, data, count) => {
    expect((await read(withHeader(header, data))).tensors.size).toBe(count)
  })

  it('reads a header longer than its first request', async () => {
    const names = Array.from({ length: 2000 }, (_, i) => [`layer.${i}.weight`, f32(i * 4, i * 4 + 4, [1])] as const)
    const file = withHeader(Object.fromEntries(names), 8000)
    expect(file.length).toBeGreaterThan(100_000)
    const { tensors } = await read(file)
    expect(tensors.size).toBe(2000)
    expect(tensors.get('layer.1999.weight')?.end).toBe(file.length)
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['a file too short for the length', new Uint8Array(7), /has 7 bytes.*takes 8/],
    ['a header over the cap', lengthOnly(BigInt(MAX_HEADER_BYTES) + 1n), /claims 100000001 bytes; at most 100000000/],
    ['a length beyond 2^53', lengthOnly(0xffff_ffff_ffff_ffffn), /claims 18446744073709551615 bytes/],
    ['a header past the end of the file', lengthOnly(9n), /should end at byte 17, but the file has 16 bytes/],
    ['a Git LFS pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1'), /Git LFS pointer.*git lfs pull/],
    ['an HTML page', new TextEncoder().encode('<!DOCTYPE html><html></html>'), /HTML page/],
    ['bytes that are not UTF-8', withHeader(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d)), /not UTF-8/],
    ['a byte order mark', withHeader('\ufeff{}'), /not JSON/],
    ['bad JSON', withHeader('{"a":'), /not JSON/],
    ['zeros after the JSON', withHeader('{}\u0000\u0000'), /not JSON/],
    ['a list', withHeader('[]'), /not a JSON object/],
    ['null', withHeader('null'), /not a JSON object/],
    ['a tensor given twice', withHeader(`{"a":${JSON.stringify(f32(0, 4, [1]))},"a":${JSON.stringify(f32(0, 4, [1]))}}`, 4), /'a' twice/],
    ['a tensor given twice, once escaped', withHeader('{"a":{},"\\u0061":{}}'), /'a' twice/],
    ['a field given twice', withHeader('{"t":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}', 4), /'shape' twice/],
    ['metadata given twice', withHeader('{"__metadata__":{},"__metadata__":{}}'), /'__metadata__' twice/],
    [
      'an integer beyond 2^53',
      withHeader('{"a":{"dtype":"U8","shape":[9007199254740993],"data_offsets":[0,0]}}'),
      /9007199254740993; only integers/,
    ],
    ['a fraction', withHeader('{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', 1), /number 1\.0/],
    ['an exponent', withHeader('{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', 1), /number 1e0/],
    ['a negative size', withHeader('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}', 1), /number -1/],
    ['metadata that is no object', withHeader({ __metadata__: ['x'] }), /__metadata__ is not an object/],
    ['metadata of numbers', withHeader({ __metadata__: { step: 5 } }), /'step' is not a string/],
    ['an entry that is no object', withHeader({ a: 5 }), /tensor 'a' is not an object/],
    ['an unknown type', withHeader({ a: { ...f32(0, 4, [1]), dtype: 'F12' } }, 4), /'a' has dtype "F12"; allowed are BOOL/],
    ['a type named like a property of objects', withHeader({ a: { ...f32(0, 4, [1]), dtype: 'toString' } }, 4), /dtype "toString"/],
    ['no type', withHeader({ a: { shape: [1], data_offsets: [0, 4] } }, 4), /dtype undefined/],
    ['no shape', withHeader({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /shape undefined/],
    ['a shape of words', withHeader({ a: { dtype: 'F32', shape: ['1'], data_offsets: [0, 4] } }, 4), /shape \["1"\]/],
    ['no offsets', withHeader({ a: { dtype: 'F32', shape: [1] } }, 4), /data_offsets undefined/],
    ['three offsets', withHeader({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 4), /data_offsets \[0,4,8\]/],
    ['tensors that start after 0', withHeader({ a: f32(4, 8, [1]) }, 8), /'a' lies at \[4, 8\), but must start at 0/],
    ['a gap', withHeader({ a: f32(0, 4, [1]), b: f32(8, 12, [1]) }, 12), /'b' lies at \[8, 12\), but must start at 4/],
    ['an overlap', withHeader({ a: f32(0, 8, [2]), b: f32(4, 12, [2]) }, 12), /'b' lies at \[4, 12\), but must start at 8/],
    ['an end before the start', withHeader({ a: f32(0, 4, [1]), b: f32(4, 0, [1]) }, 4), /'b' lies at \[4, 0\)/],
    ['a size beyond 2^53', withHeader({ a: f32(0, 4, [2 ** 30, 2 ** 30]) }, 4), /too large to address/],
    ['a size beyond 2^53 with a zero behind', withHeader({ a: f32(0, 0, [2 ** 30, 2 ** 30, 0]) }), /too large to address/],
    ['half a byte', withHeader({ a: { dtype: 'F4', shape: [3], data_offsets: [0, 2] } }, 2), /no whole number of bytes \(12 bits\)/],
    ['a shape that needs more bytes', withHeader({ a: f32(0, 4, [2]) }, 4), /'a' of type F32 and shape \[2\] needs 8 bytes, but has 4/],
    ['a shape that needs fewer bytes', withHeader({ a: f32(0, 8, [1]) }, 8), /needs 4 bytes, but has 8/],
    ['a file cut short', withHeader({ a: f32(0, 400, [100]) }, 300), /the file was cut short/],
    ['bytes after the last tensor', withHeader({ a: f32(0, 4, [1]) }, 5), /bytes that no tensor owns/],
  ])('refuses %s', async (_what, file, message) => {
    const error = await thrown(read(file))
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(message)
    expect(error.message).toMatch(/^x\.safetensors is not a valid safetensors file: /)
  })

  it.each([
    ['BOOL', 8],
    ['F6_E2M3', 6],
    ['F6_E3M2', 6],
    ['I8', 8],
    ['F8_E5M2', 8],
    ['F8_E4M3', 8],
    ['F8_E8M0', 8],
    ['F8_E4M3FNUZ', 8],
    ['F8_E5M2FNUZ', 8],
    ['I16', 16],
    ['U16', 16],
    ['F16', 16],
    ['I32', 32],
    ['U32', 32],
    ['C64', 64],
    ['F64', 64],
    ['I64', 64],
    ['U64', 64],
  ])('knows that %s has %i bits', async (dtype, bits) => {
    const file = withHeader({ a: { dtype, shape: [4], data_offsets: [0, (bits * 4) / 8] } }, (bits * 4) / 8)
    expect((await read(file)).tensors.get('a')?.dtype).toBe(dtype)
  })

  it('says how long the file should be when only its size is known', async () => {
    const file = withHeader({ a: f32(0, 400, [100]) }, 400)
    const error = await thrown(read(file, file.length - 1))
    expect(error.message).toContain(`describes ${file.length} bytes, but the file has ${file.length - 1}`)
  })
})
