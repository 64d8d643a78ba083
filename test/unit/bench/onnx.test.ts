import { describe, expect, it } from 'vitest'
import { encodeOnnx, MICROSOFT, type OnnxGraph } from '../../bench/peers/formats/onnx.ts'
import { ProtoWriter } from '../../bench/peers/formats/proto-writer.ts'
import { messagesOf, numbersOf, readProto, textsOf } from './read-proto.ts'

const graph: OnnxGraph = {
  name: 'g',
  nodes: [
    {
      operator: 'GroupQueryAttention',
      domain: MICROSOFT,
      inputs: ['x', '', 'w'],
      outputs: ['', 'y'],
      attributes: { num_heads: 12, local_window_size: -1, scale: { float: 0.125 } },
    },
    { operator: 'Mul', inputs: ['y', 'w'], outputs: ['z'] },
  ],
  constants: [
    { name: 'w', type: 'float16', shape: [2, 1], bytes: Uint8Array.of(0, 60, 0, 64) },
    { name: 'far', type: 'uint8', shape: [300], bytes: { file: 'data', offset: 4096, length: 300 } },
  ],
  inputs: [{ name: 'x', type: 'int64', shape: [1, 'tokens'] }],
  outputs: [{ name: 'z', type: 'float32', shape: [] }],
}

const model = readProto(encodeOnnx(graph))
const [read = []] = messagesOf(model, 7)

describe('numbers on the wire', () => {
  it.each([0, 1, 127, 128, 300, 2 ** 31, 2 ** 40 + 3, -1, -128])('%d is read back', (value) => {
    expect(readProto(new ProtoWriter().integer(3, value).finish())).toEqual([[3, BigInt(value)]])
  })

  it('takes the bytes that the format names for 300 and for −1', () => {
    expect([...new ProtoWriter().integer(1, 300).finish()]).toEqual([0x08, 0xac, 0x02])
    expect([...new ProtoWriter().integer(1, -1).finish()]).toEqual([0x08, ...Array.from({ length: 9 }, () => 0xff), 0x01])
  })
})

describe('an ONNX file', () => {
  it('names the versions of the format and of both sets of operators', () => {
    expect(numbersOf(model, 1)).toEqual([10])
    expect(messagesOf(model, 8).map((opset) => [textsOf(opset, 1)[0], numbersOf(opset, 2)[0]])).toEqual([
      ['', 21],
      [MICROSOFT, 1],
    ])
  })

  it('holds nodes with the inputs and outputs that are left out', () => {
    const [attention = [], mul = []] = messagesOf(read, 1)
    expect([textsOf(attention, 1), textsOf(attention, 2), textsOf(attention, 4), textsOf(attention, 7)]).toEqual([
      ['x', '', 'w'],
      ['', 'y'],
      ['GroupQueryAttention'],
      [MICROSOFT],
    ])
    expect([textsOf(mul, 4), textsOf(mul, 7)]).toEqual([['Mul'], []])
  })

  it('says of attributes whether they are integers or floats', () => {
    const [attention = []] = messagesOf(read, 1)
    const attributes = messagesOf(attention, 5).map((each) => [
      textsOf(each, 1)[0],
      numbersOf(each, 20)[0],
      numbersOf(each, 3),
      numbersOf(each, 2),
    ])
    expect(attributes).toEqual([
      ['num_heads', 2, [12], []],
      ['local_window_size', 2, [-1], []],
      ['scale', 1, [], [0.125]],
    ])
  })

  it('holds constants, or where they lie', () => {
    const [near = [], far = []] = messagesOf(read, 5)
    expect([numbersOf(near, 1), numbersOf(near, 2), textsOf(near, 8)]).toEqual([[2, 1], [10], ['w']])
    expect(near.find(([field]) => field === 9)?.[1]).toEqual(Uint8Array.of(0, 60, 0, 64))
    expect(messagesOf(far, 13).map((entry) => [textsOf(entry, 1)[0], textsOf(entry, 2)[0]])).toEqual([
      ['location', 'data'],
      ['offset', '4096'],
      ['length', '300'],
    ])
    expect([numbersOf(far, 14), textsOf(far, 9)]).toEqual([[1], []])
  })

  it('holds the types and sizes of inputs and outputs, free sizes by name', () => {
    const [x = []] = messagesOf(read, 11)
    const [type = []] = messagesOf(x, 2)
    const [tensor = []] = messagesOf(type, 1)
    const [shape = []] = messagesOf(tensor, 2)
    expect(textsOf(x, 1)).toEqual(['x'])
    expect(numbersOf(tensor, 1)).toEqual([7])
    expect(messagesOf(shape, 1).map((size) => [numbersOf(size, 1), textsOf(size, 2)])).toEqual([
      [[1], []],
      [[], ['tokens']],
    ])
    expect(messagesOf(read, 12)).toHaveLength(1)
  })
})
