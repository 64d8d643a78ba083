import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decoderSizes } from '../../../cli/shapes/decoder-tensors.ts'
import type { Json } from '../../../cli/shapes/shape.ts'
import { createTokenizer } from '../../../src/text/tokenizer.ts'
import type { DecoderSpec } from './decoder/bench-shape.ts'
import { CheckpointWeights } from './decoder/checkpoint-weights.ts'
import { decoderGraph, type Matrix } from './decoder/decoder-graph.ts'
import { encodeOnnx } from './formats/onnx.ts'

const json = (folder: string, file: string): Json => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Json

/** The embedded model's decoder. model: its folder. Its three rotary positions are one and the same where there are no pictures. */
export function embeddedDecoder(model: string): DecoderSpec {
  const config = json(model, 'config.json')
  return { sizes: decoderSizes(config), qkvBias: true, ropeTheta: Number(config['rope_theta']), normEps: Number(config['rms_norm_eps']) }
}

/**
 * Its decoder as ONNX, as transformers.js takes it, with the weights of its checkpoint: f32, or matrices in 8 or 4 bits. positions: the most
 * tokens of a sequence.
 */
export async function exportDecoder(model: string, kind: Matrix['kind'], positions: number): Promise<Uint8Array<ArrayBuffer>> {
  const weights = await CheckpointWeights.read(join(model, 'model.safetensors'), kind)
  return encodeOnnx(decoderGraph({ ...embeddedDecoder(model), type: 'float32', positions, lengths: 'mask', weights }))
}

/** A question to the embedded model, of so many tokens: the question is asked again and again to fill them. */
export function embeddedPrompt(model: string, length: number): number[] {
  const tokenizer = createTokenizer(json(model, 'tokenizer.json'), json(model, 'tokenizer_config.json'))
  const encode = (text: string): number[] => tokenizer.encode(text, { addSpecialTokens: false })
  const begin = encode('<|im_start|>user\n')
  const end = encode('What can you do?<|im_end|>\n<|im_start|>assistant\n')
  const filler = encode('What can you do? ')
  const left = length - begin.length - end.length
  if (left < 0) throw new Error(`A prompt has at least ${begin.length + end.length} tokens, not ${length}.`)
  const middle = Array.from({ length: left }, (_, i) => filler[(i + filler.length - (left % filler.length)) % filler.length] ?? 0)
  return [...begin, ...middle, ...end]
}
