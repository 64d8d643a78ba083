import type { Storage, Tensor } from '../gpu/tensor.ts'
import { BLOCK_SIZE, NO_MEDIA_ROW, QUERY_TILE } from '../layers/batch.ts'
import type { RowRange } from './encoder-cache.ts'
import { isDecode, type PlanRow } from './plan.ts'
import { sections } from './sections.ts'

/** In `forced`: log-probabilities are wanted of the sampled token, not of a given one. */
export const NOT_FORCED = 0xffffffff

/** What a recorded step is made for. Two plans of equal shape share a recording. */
export interface StepShape {
  /** Length of the flat token axis, padding included. */
  readonly tokens: number
  readonly sequences: number
  readonly sampleRows: number
  readonly tiles: number
  /** Every row brings one token and samples: the GPU can feed itself. */
  readonly decode: boolean
}

/** Where each array of a step lies in the state buffer, in words. */
export interface StepLayout {
  /** One word: which of the submit's steps is running. */
  readonly iteration: number
  readonly tokenIds: number
  readonly positions: number
  readonly tokenSequence: number
  readonly tokenSlot: number
  readonly mediaRows: number
  readonly tiles: number
  readonly sampleIndex: number
  readonly outputIndex: number
  readonly forced: number
  /** Words in all. */
  readonly words: number
}

/** A place whose logits are wanted. */
export interface SamplePlace {
  /** Index into the plan's rows. */
  readonly row: number
  /** On the flat token axis. */
  readonly token: number
  /** The prompt token that follows, whose log-probability is wanted; undefined: the next token is sampled here. */
  readonly promptPlace: number | undefined
}

/** The next size of a coarse ladder (two rungs per doubling), so that nearly equal steps share a recording. */
export function bucket(count: number): number {
  const power = 2 ** Math.floor(Math.log2(Math.max(1, count)))
  return [power, power * 1.5, power * 2].find((size) => Number.isInteger(size) && size >= count) ?? count
}

/** The places of a plan whose logits are wanted, in row order. */
export function samplePlaces(rows: readonly PlanRow[]): SamplePlace[] {
  const places: SamplePlace[] = []
  let token = 0
  rows.forEach(({ sequence, start, count, samples }, row) => {
    if (sequence.wantsPromptLogprobs) {
      for (let i = 0; i < count && start + i + 1 < sequence.promptLength; i++) {
        places.push({ row, token: token + i, promptPlace: start + i + 1 })
      }
    }
    token += count
    if (samples) places.push({ row, token: token - 1, promptPlace: undefined })
  })
  return places
}

/** The shape to record a plan in: padded up a coarse ladder, unless every sequence brings one token. */
export function shapeOf(rows: readonly PlanRow[], sampleCount: number, maxTokens: number): StepShape {
  const tokens = rows.reduce((sum, row) => sum + row.count, 0)
  const tiles = rows.reduce((sum, row) => sum + Math.ceil(row.count / QUERY_TILE), 0)
  // One token each is attention's other case; padding would take a step out of it.
  if (tokens === rows.length) {
    const decode = isDecode(rows) && sampleCount === rows.length
    return { tokens, sequences: tokens, sampleRows: decode ? tokens : bucket(sampleCount), tiles, decode }
  }
  const padded = Math.max(tokens, Math.min(bucket(tokens), maxTokens))
  const sequences = Math.min(bucket(rows.length), padded - 1)
  return { tokens: padded, sequences, sampleRows: bucket(sampleCount), tiles: bucket(tiles), decode: false }
}

/** Lays out the state buffer for a shape. */
export function layoutOf({ tokens, sampleRows, tiles }: StepShape): StepLayout {
  const all = sections()
  const layout = {
    iteration: all.add(1),
    tokenIds: all.add(tokens),
    positions: all.add(3 * tokens),
    tokenSequence: all.add(tokens),
    tokenSlot: all.add(tokens),
    mediaRows: all.add(tokens),
    tiles: all.add(4 * tiles),
    sampleIndex: all.add(sampleRows),
    outputIndex: all.add(sampleRows),
    forced: all.add(sampleRows),
  }
  return { ...layout, words: all.words }
}

/** The step's arrays as tensors over the state buffer. */
export function stepTensors(storage: Storage, { tokens, sampleRows, tiles }: StepShape, layout: StepLayout) {
  const u32 = (at: number, shape: readonly number[]): Tensor => ({ storage, offset: at * 4, shape, dtype: 'u32' })
  return {
    tokenIds: u32(layout.tokenIds, [tokens]),
    positions: { ...u32(layout.positions, [3, tokens]), dtype: 'i32' as const },
    tokenSequence: u32(layout.tokenSequence, [tokens]),
    tokenSlot: u32(layout.tokenSlot, [tokens]),
    mediaRows: u32(layout.mediaRows, [tokens]),
    tiles: u32(layout.tiles, [tiles, 4]),
    sampleIndex: u32(layout.sampleIndex, [sampleRows]),
    outputIndex: u32(layout.outputIndex, [sampleRows]),
    forced: u32(layout.forced, [sampleRows]),
  }
}

/** What packing needs to know beside the plan. */
export interface PackContext {
  /** Rows of the encoder cache that hold a media item. Errors: it is not there. */
  mediaRows(key: string): RowRange
  /** The block table's row of zeros, for padding. */
  readonly paddingRow: number
}

/**
 * Writes a plan's arrays as one block of words for the state buffer. Padding tokens write their keys and values to the trash page
 * and belong to no tile, so nothing ever reads what they compute.
 */
export function packStep(
  rows: readonly PlanRow[],
  places: readonly SamplePlace[],
  shape: StepShape,
  context: PackContext,
): Uint32Array<ArrayBuffer> {
  const layout = layoutOf(shape)
  const words = new Uint32Array(layout.words)
  words.fill(context.paddingRow, layout.tokenSequence, layout.tokenSequence + shape.tokens)
  words.fill(NO_MEDIA_ROW, layout.mediaRows, layout.mediaRows + shape.tokens)
  words.fill(NOT_FORCED, layout.forced, layout.forced + shape.sampleRows)
  let token = 0
  let tile = 0
  rows.forEach(({ sequence, start, count }, row) => {
    for (let i = 0; i < count; i += QUERY_TILE) {
      words.set([token + i, Math.min(QUERY_TILE, count - i), row, start + i], layout.tiles + 4 * tile++)
    }
    for (let i = 0; i < count; i++, token++) {
      const place = start + i
      words[layout.tokenIds + token] = sequence.tokens[place] ?? 0
      for (let stream = 0; stream < 3; stream++)
        words[layout.positions + stream * shape.tokens + token] = sequence.positionAt(stream, place)
      words[layout.tokenSequence + token] = row
      words[layout.tokenSlot + token] = place
      const media = sequence.mediaAt(place)
      if (media) words[layout.mediaRows + token] = context.mediaRows(media.key).start + (media.row ?? 0) + place - media.offset
    }
  })
  for (let i = token; i < shape.tokens; i++) words[layout.tokenSlot + i] = i % BLOCK_SIZE
  places.forEach((place, i) => {
    const sequence = rows[place.row]?.sequence
    words[layout.sampleIndex + i] = place.token
    words[layout.outputIndex + i] = sequence?.outputLength ?? 0
    if (place.promptPlace !== undefined) words[layout.forced + i] = sequence?.tokens[place.promptPlace] ?? NOT_FORCED
  })
  return words
}
