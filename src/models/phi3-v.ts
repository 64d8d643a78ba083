import type { Step } from '../gpu/step.ts'
import { reshape, type Tensor } from '../gpu/tensor.ts'
import { NO_MEDIA_ROW } from '../layers/batch.ts'
import { embed } from '../layers/embedding.ts'
import { linear } from '../layers/linear.ts'
import type { LinearWeight, WeightReader } from '../layers/weights.ts'
import { inverseFrequencies, longRopeTable } from '../util/rope-table.ts'
import { encodeClip, readClip } from './clip.ts'
import { decodeHidden, decoderShape, forwardDecoder, readDecoder } from './decoder.ts'
import { defineFamily } from './family.ts'
import { type Phi3VConfig, readPhi3VConfig } from './phi3-v-config.ts'
import { clipTags, expandPrompt, imageTag, prepareEmbeds, prepareImage, tokensOf, unexpandedIds } from './phi3-v-processor.ts'
import { sequentialPositions } from './placeholders.ts'

/** Features of four neighbouring patches make an embedding row: upper left, upper right, lower left, lower right. */
const PARTS = 4

function readVision(w: WeightReader, { vision, hidden }: Phi3VConfig) {
  const width = PARTS * vision.dim
  // Some files hold the decoder's embedding table here a second time.
  w.skip('wte')
  return {
    tower: readClip(w.scope('img_processor.vision_model'), vision),
    lineEnd: w.tensor('sub_GN', [width]),
    divider: w.tensor('glb_GN', [width]),
    projection0: w.linear({ name: 'img_projection.0', rows: hidden }, width, { role: 'encoder', bias: true }),
    projection2: w.linear({ name: 'img_projection.2', rows: hidden }, hidden, { role: 'encoder', bias: true }),
  }
}

const readWeights = (reader: WeightReader, config: Phi3VConfig) => ({
  vision: readVision(reader.scope('model.vision_embed_tokens'), config),
  decoder: readDecoder({ model: reader.scope('model'), head: reader }, config),
})

export type Phi3VWeights = ReturnType<typeof readWeights>

/** In a plan of rows: the end of a line of features, and the divider between crops and whole. */
const LINE_END = -1
const DIVIDER = -2

/**
 * Where each part of each embedding row comes from: a row of the tower's output (whose every square begins with its class token), or one
 * of the separators. Lines run across all crops of a row, and each ends with a separator.
 */
function featurePlan(c: Phi3VConfig, [rows = 0, cols = 0]: readonly number[]): number[] {
  const { patches } = c.vision
  const across = Math.sqrt(patches)
  const plan: number[] = []
  const addGrid = (first: number, down: number, right: number): void => {
    for (let y = 0; y < down * c.cropRows; y++) {
      for (let x = 0; x < right * c.cropRows; x++) {
        const square = first + Math.floor(y / c.cropRows) * right + Math.floor(x / c.cropRows)
        const corner = square * (patches + 1) + 1 + 2 * (y % c.cropRows) * across + 2 * (x % c.cropRows)
        plan.push(corner, corner + 1, corner + across, corner + across + 1)
      }
      plan.push(LINE_END, LINE_END, LINE_END, LINE_END)
    }
  }
  if (c.order === 'glb_sub') addGrid(0, 1, 1)
  else addGrid(1, rows, cols)
  plan.push(DIVIDER, DIVIDER, DIVIDER, DIVIDER)
  if (c.order === 'glb_sub') addGrid(1, rows, cols)
  else addGrid(0, 1, 1)
  return plan
}

/** Rows taken from `features` [n, dim] where `rows` names one, and from `table` [m, dim] by `ids` elsewhere. */
function pickRows(step: Step, table: Tensor, features: Tensor, ids: Uint32Array, rows: Uint32Array): Tensor {
  const { length: tokens } = ids
  const [count = 0, cols = 0] = table.shape
  const weight: LinearWeight = { format: 'f32', rows: count, cols, data: table, scales: undefined, bias: undefined }
  return embed(step, weight, {
    tokens,
    tokenIds: step.constant(ids, [tokens]),
    mediaRows: step.constant(rows, [tokens]),
    media: features,
  })
}

/**
 * Lays out the tower's features, four neighbours a row, with separators between: f32 [squares · (patches + 1), dim] → [tokens, 4 · dim].
 * grid: crops down and across.
 */
export function mergeFeatures(step: Step, w: Phi3VWeights['vision'], c: Phi3VConfig, grid: readonly number[], features: Tensor): Tensor {
  const { dim } = c.vision
  const parts = Uint32Array.from({ length: 2 * PARTS }, (_, i) => i % PARTS)
  const fromDivider = parts.map((part, i) => (i < PARTS ? NO_MEDIA_ROW : part))
  const separators = pickRows(step, reshape(w.lineEnd, [PARTS, dim]), reshape(w.divider, [PARTS, dim]), parts, fromDivider)
  const plan = featurePlan(c, grid)
  const ids = Uint32Array.from(plan, (row, i) => (i % PARTS) + (row === DIVIDER ? PARTS : 0))
  const rows = Uint32Array.from(plan, (row) => (row < 0 ? NO_MEDIA_ROW : row))
  const [gridRows = 0, gridCols = 0] = grid
  return reshape(pickRows(step, separators, features, ids, rows), [tokensOf(c, gridRows, gridCols), PARTS * dim])
}

/** The projection to the decoder's width: f32 [tokens, 4 · dim] → [tokens, hidden]. */
export const projectFeatures = (step: Step, w: Phi3VWeights['vision'], merged: Tensor): Tensor =>
  linear(step, linear(step, merged, w.projection0, { activation: 'gelu' }), w.projection2)

/** Everything that is said, with tags for the pictures and a space between any two parts; no roles. */
const BARE_TEMPLATE = `
{%- set said = namespace(images=0, any=false) -%}
{%- for message in messages -%}
  {%- set parts = [{'type': 'text', 'text': message.content}] if message.content is string else message.content -%}
  {%- for part in parts -%}
    {%- if said.any -%}{{ ' ' }}{%- endif -%}
    {%- set said.any = true -%}
    {%- if part.type == 'image' -%}
      {%- set said.images = said.images + 1 -%}
      {{ '<|image_' ~ said.images ~ '|>' }}
    {%- else -%}
      {{ part.text }}
    {%- endif -%}
  {%- endfor -%}
{%- endfor -%}`

/**
 * Phi-3-vision and Phi-3.5-vision (arXiv:2404.14219): crops of a picture and the whole of it through CLIP, 2×2 neighbours merged into one
 * token, lines and parts divided by learned separators, and a Phi-3 decoder with LongRoPE.
 */
export const phi3V = defineFamily<Phi3VConfig, Phi3VWeights>({
  modelTypes: ['phi3_v'],
  kinds: ['image', 'video'],
  clipTags,
  unexpandedIds,
  placeholder: (_kind, number) => imageTag(number),
  readConfig: readPhi3VConfig,
  decoder: decoderShape,
  endTokens: (c) => c.endTokens,
  readWeights,
  tables({ headDim, ropeTheta, rope }, maxLength) {
    const { cos, sin, rows } = longRopeTable(inverseFrequencies(headDim, ropeTheta), rope, maxLength)
    const shape = [rows, headDim / 2]
    return { cos: { data: cos, shape }, sin: { data: sin, shape } }
  },
  prepareImage,
  prepareEmbeds,
  expandPrompt,
  positions: ({ rope: { originalMax } }, prompt) => ({
    ...sequentialPositions(prompt),
    // The long factors' tables lie behind the short ones'.
    long: { above: originalMax, shift: originalMax },
  }),
  encode(step, { vision }, config, _kind, grid, inputs) {
    const features = encodeClip(step, vision.tower, config.vision, inputs['patches'] as Tensor)
    return projectFeatures(step, vision, mergeFeatures(step, vision, config, grid, features))
  },
  forward: (step, weights, config, batch, tables) => forwardDecoder(step, weights.decoder, config, batch, tables),
  // VLM2Vec (arXiv:2410.05160): read at the last token of the bare text.
  embedding: {
    hidden: (step, weights, config, batch, tables) => decodeHidden(step, weights.decoder, config, batch, tables),
    cuts: false,
    template: BARE_TEMPLATE,
  },
})
