import { fullShapes, tinyShapes } from '../../../../cli/shapes/all-shapes.ts'
import type { DecoderSizes, Json, ModelShape } from '../../../../cli/shapes/shape.ts'

/** What a peer must know of a decoder to run one like it. */
export interface DecoderSpec {
  readonly sizes: DecoderSizes
  readonly qkvBias: boolean
  readonly ropeTheta: number
  readonly normEps: number
}

/** A shape as the command line names it. */
export interface BenchShape extends DecoderSpec {
  readonly name: string
  /** The name it has in `ocellus bench --shape`. */
  readonly ocellus: string
  /** The repository it has the shape of. */
  readonly like: string
}

/** The short name of the smallest shape. */
const TINY = 'tiny'

/** All shapes: the full ones, and small ones of the same architectures. */
export const benchShapes: readonly BenchShape[] = [...tinyShapes, ...fullShapes].map((shape, i) => ({
  ...decoderOf(shape),
  name: i === 0 ? TINY : shape.name,
  ocellus: shape.name,
  like: shape.like,
}))

/** The decoder of a model's architecture, from its config and its list of tensors. */
export function decoderOf({ decoder, folders }: ModelShape): DecoderSpec {
  const configs = folders.flatMap(({ files }) => {
    const config = files['config.json'] ?? {}
    return [config, (config['text_config'] ?? {}) as Json]
  })
  const config = configs.find((each) => 'rms_norm_eps' in each) ?? {}
  return {
    sizes: decoder,
    qkvBias: folders.some(({ tensors }) => hasBias(tensors.map(({ name }) => name))),
    ropeTheta: Number(config['rope_theta'] ?? 10000),
    normEps: Number(config['rms_norm_eps'] ?? 1e-6),
  }
}

/** Whether the decoder among these tensors adds biases to q, k and v; encoders have some of the same names, but no down_proj. */
function hasBias(names: readonly string[]): boolean {
  const first = 'layers.0.mlp.down_proj.weight'
  const at = names.find((name) => name.endsWith(first))?.slice(0, -first.length)
  return at !== undefined && names.includes(`${at}layers.0.self_attn.q_proj.bias`)
}

/** Bytes of 4-bit weights (4.5 bits a value) that a token reads: the layers' matrices and the head. */
export function q4Bytes({ hidden, layers, heads, kvHeads, headDim, intermediate, vocabulary }: DecoderSizes): number {
  const layer = hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * intermediate
  return ((layers * layer + vocabulary * hidden) * 4.5) / 8
}
