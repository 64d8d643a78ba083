import type { Step } from '../gpu/step.ts'
import { rowsOf, type Tensor } from '../gpu/tensor.ts'
import type { WeightReader } from '../layers/weights.ts'
import { decoderShape, decoderTables, forwardDecoder, readDecoder } from './decoder.ts'
import { defineFamily } from './family.ts'
import { type MinicpmvConfig, readMinicpmvConfig } from './minicpmv-config.ts'
import { GRID_HEAD, prepareEmbeds, prepareImage, prepareVideo } from './minicpmv-processor.ts'
import { expandPrompt, PLACEHOLDERS } from './minicpmv-prompt.ts'
import { attendToPatches, projectQueries, readResampler, resamplerQueries } from './minicpmv-resampler.ts'
import { sequentialPositions } from './placeholders.ts'
import { encodeSiglip, readSiglip } from './siglip.ts'

const readWeights = (reader: WeightReader, config: MinicpmvConfig) => ({
  vision: readSiglip(reader.scope('vpm'), config.vision),
  resampler: readResampler(reader.scope('resampler'), config.resampler),
  decoder: readDecoder({ model: reader.scope('llm.model'), head: reader.scope('llm') }, config),
})

export type MinicpmvWeights = ReturnType<typeof readWeights>

/** All parts of an item, overviews first: the patches of each become as many rows as the resampler has queries. */
function encode(
  step: Step,
  w: MinicpmvWeights,
  { vision, resampler }: MinicpmvConfig,
  grid: readonly number[],
  inputs: Readonly<Record<string, Tensor>>,
): Tensor {
  const chunks = chunksOf(grid)
  const { queries, hidden } = resampler
  const parts = chunks.reduce((sum, chunk) => sum + chunk.parts, 0)
  const found = step.scratch('f32', [parts * queries, hidden])
  const query = resamplerQueries(step, w.resampler)
  let row = 0
  chunks.forEach((chunk, i) => {
    const patches = encodeSiglip(step, w.vision, vision, inputs[`patches${i}`] as Tensor, chunk.grid)
    const out = rowsOf(found, row, chunk.parts * queries)
    attendToPatches(step, w.resampler, resampler, { query, patches, grid: chunk.grid, out })
    row += chunk.parts * queries
  })
  return projectQueries(step, w.resampler, found)
}

/** The chunks of patches in an item's geometry. */
function chunksOf(grid: readonly number[]): { parts: number; grid: readonly [number, number] }[] {
  return Array.from({ length: (grid.length - GRID_HEAD) / 3 }, (_, i) => {
    const [parts = 0, rows = 0, cols = 0] = grid.slice(GRID_HEAD + 3 * i)
    return { parts, grid: [rows, cols] }
  })
}

/**
 * MiniCPM-V 2.6 (arXiv:2408.01800): a picture is seen as a whole and in slices, each by a SigLIP encoder whose patches a resampler sums up
 * in a fixed number of rows; the decoder is a Qwen2.
 */
export const minicpmv = defineFamily<MinicpmvConfig, MinicpmvWeights>({
  modelTypes: ['minicpmv'],
  kinds: ['image', 'video'],
  placeholder: (kind) => PLACEHOLDERS[kind === 'video' ? 'video' : 'image'],
  readConfig: readMinicpmvConfig,
  decoder: decoderShape,
  endTokens: (c) => c.endTokens,
  readWeights,
  tables: decoderTables,
  prepareImage,
  prepareVideo,
  prepareEmbeds,
  expandPrompt,
  positions: (_config, prompt) => sequentialPositions(prompt),
  encode: (step, weights, config, _kind, grid, inputs) => encode(step, weights, config, grid, inputs),
  forward: (step, weights, config, batch, tables) => forwardDecoder(step, weights.decoder, config, batch, tables),
})
