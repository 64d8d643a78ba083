import { ProtoWriter } from './proto-writer.ts'

/** Element types of ONNX tensors by their numbers. */
export const onnxTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, float16: 10 } as const
export type OnnxType = keyof typeof onnxTypes

/** Where a constant's bytes stand: here, or in a file beside the model. */
export type TensorBytes = Uint8Array | { readonly file: string; readonly offset: number; readonly length: number }

/** A constant of the graph. */
export interface OnnxTensor {
  readonly name: string
  readonly type: OnnxType
  readonly shape: readonly number[]
  readonly bytes: TensorBytes
}

/** An input or output of the graph; a named size is free. */
export interface OnnxPort {
  readonly name: string
  readonly type: OnnxType
  readonly shape: readonly (number | string)[]
}

/** An attribute: a number without a fraction is an integer unless it is wrapped in `float`. */
export type OnnxAttribute = number | { readonly float: number }

/** An operator's use. An empty input or output is one that is left out. */
export interface OnnxNode {
  readonly operator: string
  readonly domain?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>
}

export interface OnnxGraph {
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly constants: readonly OnnxTensor[]
  readonly inputs: readonly OnnxPort[]
  readonly outputs: readonly OnnxPort[]
}

/** Onnxruntime's own operators. */
export const MICROSOFT = 'com.microsoft'

/** Version of the file format, of the standard operators and of onnxruntime's. */
const [IR_VERSION, OPSET, MICROSOFT_OPSET] = [10, 21, 1] as const
/** AttributeProto's types. */
const [FLOAT, INT] = [1, 2] as const
const EXTERNAL = 1

/** A model file (onnx.proto, ModelProto). Constants in other files are only referred to. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  const opset = (domain: string, version: number): ProtoWriter => new ProtoWriter().text(1, domain).integer(2, version)
  return new ProtoWriter()
    .integer(1, IR_VERSION)
    .text(2, 'ocellus-bench')
    .message(7, graphMessage(graph))
    .message(8, opset('', OPSET))
    .message(8, opset(MICROSOFT, MICROSOFT_OPSET))
    .finish()
}

const graphMessage = ({ name, nodes, constants, inputs, outputs }: OnnxGraph): ProtoWriter =>
  new ProtoWriter()
    .messages(1, nodes, nodeMessage)
    .text(2, name)
    .messages(5, constants, tensorMessage)
    .messages(11, inputs, portMessage)
    .messages(12, outputs, portMessage)

function nodeMessage({ operator, domain, inputs, outputs, attributes = {} }: OnnxNode): ProtoWriter {
  const message = new ProtoWriter()
  for (const name of inputs) message.text(1, name)
  for (const name of outputs) message.text(2, name)
  message.text(3, outputs.find((name) => name !== '') ?? operator).text(4, operator)
  message.messages(5, Object.entries(attributes), attributeMessage)
  return domain === undefined ? message : message.text(7, domain)
}

function attributeMessage([name, value]: [string, OnnxAttribute]): ProtoWriter {
  const message = new ProtoWriter().text(1, name)
  if (typeof value === 'object') return message.float(2, value.float).integer(20, FLOAT)
  return message.integer(3, value).integer(20, INT)
}

function tensorMessage({ name, type, shape, bytes }: OnnxTensor): ProtoWriter {
  const message = new ProtoWriter()
  for (const size of shape) message.integer(1, size)
  message.integer(2, onnxTypes[type]).text(8, name)
  if (bytes instanceof Uint8Array) return message.bytes(9, bytes)
  const { file: location, offset, length } = bytes
  const entry = ([key, value]: [string, unknown]): ProtoWriter => new ProtoWriter().text(1, key).text(2, String(value))
  return message.messages(13, Object.entries({ location, offset, length }), entry).integer(14, EXTERNAL)
}

function portMessage({ name, type, shape }: OnnxPort): ProtoWriter {
  const sizes = new ProtoWriter().messages(1, shape, (size) =>
    typeof size === 'number' ? new ProtoWriter().integer(1, size) : new ProtoWriter().text(2, size),
  )
  const tensor = new ProtoWriter().integer(1, onnxTypes[type]).message(2, sizes)
  return new ProtoWriter().text(1, name).message(2, new ProtoWriter().message(1, tensor))
}
