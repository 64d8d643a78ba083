/** What a tensor of random weights is filled with, so that activations stay finite and of ordinary size. */
export type Fill =
  /** Mean 0, standard deviation 1/√(values that one output sums). */
  | 'matrix'
  /** Mean 0, standard deviation 2/√columns: logits then spread like a trained model's. */
  | 'vocabulary'
  /** About 1. */
  | 'norm'
  /** About 0. */
  | 'bias'

/** A tensor of a checkpoint by its original name. */
export interface ShapeTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly fill: Fill
}

/** Parsed JSON. */
export type Json = Readonly<Record<string, unknown>>

/** A repository, or a part of a model in a folder of its own. */
export interface ShapeFolder {
  /** Path inside the model's folder; '' for the model itself. */
  readonly path: string
  readonly dtype: 'BF16' | 'F16' | 'F32'
  /** JSON files by name, config.json among them. */
  readonly files: Readonly<Record<string, Json>>
  readonly tensors: readonly ShapeTensor[]
}

/** A model's architecture without its weights: everything that is needed to make a repository that loads like the real one. */
export interface ModelShape {
  /** Its name on the command line. */
  readonly name: string
  /** The repository it has the shape of. */
  readonly like: string
  readonly folders: readonly ShapeFolder[]
  /** Special tokens by id, of those the ones that prompts here need. */
  readonly specials: Readonly<Record<string, number>>
  /** The tokenizer writes this token before every text. */
  readonly bos?: string
  /** A prompt with one item of media. */
  readonly mediaPrompt: string
  readonly media: 'image' | 'audio'
  /** The decoder's sizes, from which traffic per token is worked out. */
  readonly decoder: DecoderSizes
}

/** A Llama-style decoder's sizes. */
export interface DecoderSizes {
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly intermediate: number
  /** Rows of the embedding table; the tokenizer has that many tokens. */
  readonly vocabulary: number
  readonly tied: boolean
  readonly maxPositions: number
}

export const matrix = (name: string, ...shape: number[]): ShapeTensor => ({ name, shape, fill: 'matrix' })
export const norm = (name: string, ...shape: number[]): ShapeTensor => ({ name, shape, fill: 'norm' })
export const bias = (name: string, ...shape: number[]): ShapeTensor => ({ name, shape, fill: 'bias' })

/** `name.weight` and `name.bias` of a linear layer or a convolution. */
export const linear = (name: string, rows: number, ...rest: number[]): ShapeTensor[] => [
  matrix(`${name}.weight`, rows, ...rest),
  bias(`${name}.bias`, rows),
]

/** `name.weight` and `name.bias` of a layer norm. */
export const layerNorm = (name: string, width: number): ShapeTensor[] => [norm(`${name}.weight`, width), bias(`${name}.bias`, width)]

/** What `make` gives for 0…count−1, one after the other. */
export const repeat = (count: number, make: (i: number) => readonly ShapeTensor[]): ShapeTensor[] =>
  Array.from({ length: count }, (_, i) => make(i)).flat()
