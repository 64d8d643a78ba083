import { deflateRawSync, inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readEmbeds } from '../../../src/server/embeds-part.ts'
import { isTorchFile, readTorchPart } from '../../../src/server/torch-part.ts'
import { name, string, tensor, text, tuple, word, type ZipFile, zip } from '../../support/torch-file.ts'
import cases from './torch-cases.json' with { type: 'json' }

const file = (name: string): Uint8Array => new Uint8Array(inflateSync(Buffer.from((cases as Record<string, string>)[name] ?? '', 'base64')))
const read = (bytes: Uint8Array) => Object.entries(readTorchPart(bytes, 'x')).map(([name, { data, shape }]) => [name, shape, [...data]])
const reading = (bytes: Uint8Array) => (): unknown => readTorchPart(bytes, 'x')

const FOUR = [...new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer)]
const archive = (pickle: readonly number[], more: readonly ZipFile[] = [{ name: 'a/data/0', body: FOUR }]): Uint8Array =>
  zip([{ name: 'a/data.pkl', body: pickle }, ...more])
const pickled = (...body: readonly number[]): Uint8Array => archive([0x80, 2, ...body, 0x2e])

describe('tensors of torch.save', () => {
  const rows = [1.5, -2, 0.25, 4, 5, 6]
  const one = [['x', [2, 3], rows]]
  const grid = [['x', [1, 3], [1, 2, 4]]]
  const both = [
    ['image_embeds', [2, 3], rows],
    ['image_grid_thw', [1, 3], [1, 2, 4]],
  ]
  it.each<[what: string, expected: unknown]>([
    ['float32', one],
    ['float64', one],
    ['float16', one],
    ['bfloat16', one],
    ['int64', grid],
    ['int32', grid],
    ['uint8', grid],
    ['transposed', one],
    ['middle', one],
    ['columns', one],
    ['scalar', [['x', [], [2.5]]]],
    ['empty', [['x', [0, 3], []]]],
    ['parameter', one],
    ['dict', both],
    ['ordered dict', both],
    ['shared', [both[0], ['second', [3], [4, 5, 6]]]],
  ])('are read: %s', (what, expected) => {
    expect(isTorchFile(file(what))).toBe(true)
    expect(read(file(what))).toEqual(expected)
  })

  it('are read with the archive’s comment, in a folder of any name, from the middle of a buffer', () => {
    const bytes = zip([
      { name: 'embeds of 3/data.pkl', body: [0x80, 2, ...tensor([2, 2], [1, 2]), 0x2e] },
      { name: 'embeds of 3/data/0', body: FOUR },
    ])
    const larger = new Uint8Array(bytes.length + 12)
    larger.set(bytes, 7)
    larger.set(text('PK\x05\x06!'), 7 + bytes.length)
    expect(read(larger.subarray(7, 7 + bytes.length))).toEqual([['x', [2, 2], [1, 3, 2, 4]]])
    expect(read(larger.subarray(7, 7 + bytes.length + 2))).toEqual([['x', [2, 2], [1, 3, 2, 4]]])
  })

  it.each<[what: string, message: RegExp]>([
    ['list', /^is a file of torch\.save that holds a list of 2; it must hold a tensor, or a dict of tensors/],
    ['dict in a dict', /with a dict whose entry a holds a dict of 1; it must hold a tensor/],
    ['number', /that holds 5; it must hold a tensor/],
    ['text in a dict', /whose entry image_embeds holds a text/],
    ['int8', /that names torch\.CharStorage, which is not run; send dense tensors of float32, float16/],
    ['bool', /that names torch\.BoolStorage/],
    ['complex', /that names torch\.ComplexFloatStorage/],
    ['sparse', /that names torch\._utils\._rebuild_sparse_tensor, which is not run/],
    ['expanded', /with a tensor \[4,4\] that repeats its 1 values; save tensor\.contiguous\(\)/],
    ['numpy', /that names \S*numpy\S*, which is not run/],
    ['module', /that names torch\.nn\.modules\.linear\.Linear, which is not run/],
    ['call', /that names \S*\.eval, which is not run/],
    ['old form', /^is a pickle alone, torch\.save’s old form; save it without _use_new_zipfile_serialization=False/],
    ['protocol 4', /of pickle protocol 4; save it with torch\.save's own, which is 2/],
    ['program', /^is a compressed zip archive/],
  ])('are refused: %s', (what, message) => {
    expect(isTorchFile(file(what))).toBe(true)
    expect(reading(file(what))).toThrow(message)
    expect(reading(file(what))).toThrow(RangeError)
  })

  it('are refused at every length short of the whole, in words of ours', () => {
    const whole = file('dict')
    for (let length = 4; length < whole.length; length++) {
      expect(reading(whole.subarray(0, length))).toThrow(/^is a (zip archive|damaged zip archive|file of torch\.save)/)
    }
  })

  it('are read or refused in words of ours, whichever byte is wrong', () => {
    const whole = file('dict')
    for (let at = 4; at < whole.length; at++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = whole.slice()
        bytes[at] = (bytes[at] as number) ^ flip
        try {
          const tensors = Object.values(readTorchPart(bytes, 'x'))
          expect(tensors.reduce((sum, { data }) => sum + data.length, 0)).toBeLessThanOrEqual(bytes.length)
        } catch (error) {
          expect(String(error)).toMatch(/^RangeError: (is|has) /)
        }
      }
    }
  })
})

describe('archives', () => {
  const packed = [...new Uint8Array(deflateRawSync(Uint8Array.of(0x80, 2, 0x4e, 0x2e)))]
  it.each<[what: string, bytes: Uint8Array, message: RegExp]>([
    ['compressed', zip([{ name: 'a/data.pkl', body: packed, method: 8, said: 4 }]), /^is a compressed zip archive/],
    ['that say they are larger unpacked', zip([{ name: 'a/data.pkl', body: [0x2e], said: 2 ** 31 }]), /^is a compressed zip archive/],
    ['encrypted', zip([{ name: 'a/data.pkl', body: [0x2e], flags: 1 }]), /^is an encrypted zip archive/],
    [
      'of 1001 files',
      zip(Array.from({ length: 1001 }, (_, i) => ({ name: `a/${i}`, body: [] }))),
      /^is a zip archive of 1001 files; at most 1000/,
    ],
    [
      'with a name twice',
      zip([
        { name: 'a/x', body: [] },
        { name: 'a/x', body: [1] },
      ]),
      /two files of the name "a\/x"/,
    ],
    ['of nothing', zip([{ name: 'a/readme.txt', body: [] }]), /^is a zip archive, but no file of torch\.save/],
    [
      'of two pickles',
      zip([
        { name: 'a/data.pkl', body: [] },
        { name: 'b/data.pkl', body: [] },
      ]),
      /no file of torch\.save/,
    ],
    [
      'of a program',
      archive([0x80, 2, 0x4e, 0x2e], [{ name: 'a/constants.pkl', body: [] }]),
      /^is a zip archive, but no file of torch\.save/,
    ],
    ['without the storage', archive([0x80, 2, ...tensor([1], [1]), 0x2e], []), /without its storage "0"/],
    [
      'with a storage that is too short',
      archive([0x80, 2, ...tensor([1], [1], { count: 5 }), 0x2e]),
      /storage 0 has 16 bytes in place of 20/,
    ],
    ['of big-endian values', archive([0x80, 2, 0x4e, 0x2e], [{ name: 'a/byteorder', body: text('big') }]), /big-endian/],
    ['with a pickle that is too long', archive(new Array(100_001).fill(0x4e)), /whose pickle has 100001 bytes, above 100000/],
  ])('are refused: %s', (_, bytes, message) => {
    expect(reading(bytes)).toThrow(message)
    expect(reading(bytes)).toThrow(RangeError)
  })
})

describe('pickles', () => {
  it('may hold the same tensor twice, and keep and recall values', () => {
    const bytes = archive([
      0x80,
      2,
      ...text('}('),
      ...string('a'),
      ...tensor([2], [2]),
      ...text('q\x05'),
      ...string('b'),
      ...text('h\x05u.'),
    ])
    expect(read(bytes)).toEqual([
      ['a', [2], [1, 3]],
      ['b', [2], [1, 3]],
    ])
  })

  it.each<[what: string, bytes: Uint8Array, message: RegExp]>([
    ['without an end', archive([0x80, 2, 0x4e]), /whose pickle is cut off/],
    ['of no bytes', archive([]), /whose pickle is cut off/],
    ['with a text past their end', pickled(0x58, ...word(1e9, 4)), /whose pickle is cut off/],
    ['with a name past their end', archive([0x80, 2, ...text('ctorch\nFloat')]), /whose pickle is cut off/],
    ['that take from an empty stack', pickled(0x51), /whose pickle is damaged/],
    ['that leave two values', pickled(0x4e, 0x4e), /whose pickle is damaged/],
    ['that leave a mark', pickled(0x28), /whose pickle is damaged/],
    ['with a tuple that never began', pickled(0x4e, 0x74), /whose pickle is damaged/],
    ['that recall what was never kept', pickled(0x68, 9), /whose pickle is damaged/],
    ['that append to a number', pickled(0x4b, 1, 0x4e, 0x61), /whose pickle is damaged/],
    ['that set an entry of a list', pickled(0x5d, 0x4e, 0x4e, 0x73), /whose pickle is damaged/],
    ['that set half an entry', pickled(0x7d, 0x28, 0x4e, 0x75), /whose pickle is damaged/],
    ['that call a number', pickled(0x4b, 1, 0x29, 0x52), /whose pickle is damaged/],
    ['that call a storage’s class', pickled(...name('torch', 'FloatStorage'), 0x29, 0x52), /that calls torch\.FloatStorage in a way/],
    [
      'that fill a dict by its call',
      pickled(...name('collections', 'OrderedDict'), 0x4e, 0x85, 0x52),
      /that calls collections\.OrderedDict in a way/,
    ],
    ['that make an object', pickled(...name('collections', 'OrderedDict'), 0x29, 0x81), /with an operation \(0x81\)/],
    ['that set an object’s state', pickled(0x7d, 0x7d, 0x62), /with an operation \(0x62\)/],
    ['that import', pickled(...name('os', 'system'), ...string('true'), 0x85, 0x52), /that names os\.system, which is not run/],
    ['that import by values', pickled(...string('os'), ...string('system'), 0x93), /with an operation \(0x93\)/],
    ['that name what all objects have', pickled(...name('torch', 'constructor')), /that names torch\.constructor, which is not run/],
    ['of a storage that is none', pickled(...tuple(string('storage')), 0x51), /whose pickle is damaged/],
    ['of a tensor without a storage', pickled(...name('torch._utils', '_rebuild_tensor_v2'), 0x29, 0x52), /whose pickle is damaged/],
    ['with a shape below 0', pickled(...tensor([-1], [1])), /whose pickle is damaged/],
    ['with a start below 0', pickled(...tensor([1], [1], { offset: -1 })), /whose pickle is damaged/],
    ['with strides below 0', pickled(...tensor([2], [-1])), /whose pickle is damaged/],
    ['that leave their storage', pickled(...tensor([2], [4])), /^has strides \[4\] that leave its 4 values/],
    ['that start past their storage', pickled(...tensor([1], [1], { offset: 4 })), /that leave its 4 values/],
    ['with more strides than axes', pickled(...tensor([2], [1, 1])), /that leave its 4 values/],
    ['that repeat one value', pickled(...tensor([2 ** 30], [0])), /with a tensor \[1073741824\] that repeats its 4 values/],
    ['of nine axes', pickled(...tensor(new Array(9).fill(1), new Array(9).fill(1))), /^has 9 axes; at most 8/],
  ])('are refused: %s', (_, bytes, message) => {
    expect(reading(bytes)).toThrow(message)
    expect(reading(bytes)).toThrow(RangeError)
  })

  it('may not show a large storage again and again', () => {
    const large = { name: 'a/data/0', body: new Array<number>(40_000).fill(0) }
    const again = Array.from({ length: 10 }, (_, i) => [...string(`${i}`), ...tensor([10_000], [1], { count: 10_000 })]).flat()
    const bytes = archive([0x80, 2, ...text('}('), ...again, ...text('u.')], [large])
    expect(reading(bytes)).toThrow(/whose tensors share more values than the file is large/)
  })
})

describe('files of torch.save in a message', () => {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  const tensorsOf = (content: unknown): unknown =>
    Object.entries(readEmbeds('image', content, 'at').tensors).map(([own, { data, shape }]) => [own, shape, [...data]])
  const both = [
    ['image_embeds', [2, 3], [1.5, -2, 0.25, 4, 5, 6]],
    ['image_grid_thw', [1, 3], [1, 2, 4]],
  ]
  it.each<[what: string, content: unknown, expected: unknown]>([
    ['a tensor alone', base64(file('bfloat16')), [both[0]]],
    ['a dict in one file', base64(file('dict')), both],
    [
      'a file for each, as vLLM’s examples send them',
      { image_embeds: base64(file('float16')), image_grid_thw: base64(file('int64')) },
      both,
    ],
  ])('are read: %s', (_, content, expected) => {
    expect(tensorsOf(content)).toEqual(expected)
  })

  it.each<[what: string, content: unknown, message: RegExp]>([
    ['a program', base64(file('call')), /^at is a file of torch\.save that names \S*\.eval, which is not run/],
    ['a dict under one name', { image_embeds: base64(file('dict')) }, /^at\.image_embeds must hold one tensor, got 2/],
    ['a cut file', { image_embeds: base64(file('float32').subarray(0, 900)) }, /^at\.image_embeds is a zip archive that is cut off/],
  ])('are refused: %s', (_, content, message) => {
    const read = (): unknown => tensorsOf(content)
    expect(read).toThrow(message)
    expect(read).toThrow(expect.objectContaining({ name: 'InvalidRequestError' }))
  })
})
