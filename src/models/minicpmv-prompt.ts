import { invalidRequestError } from '../util/errors.ts'
import type { Encode, ExpandedPrompt, MediaSpan, PreparedByKind } from './family.ts'
import type { MinicpmvConfig } from './minicpmv-config.ts'

/** Kinds that prompts can hold here. */
type Kind = 'image' | 'video'

/** What stands for an item in a prompt before it is expanded. */
export const PLACEHOLDERS: Readonly<Record<Kind, string>> = { image: '(<image>./</image>)', video: '(<video>./</video>)' }

const KINDS: readonly Kind[] = ['image', 'video']

/** Where a picture part's rows come from. */
interface Part {
  readonly kind: Kind
  readonly item: number
  readonly row: number
}

/**
 * Replaces each placeholder by its item's markers: for a picture its number, the overview and, row by row, its slices; for a clip the same
 * of every frame, without numbers. A prompt may come expanded already. Errors: InvalidRequestError when placeholders and items do not match.
 */
export function expandPrompt(
  config: MinicpmvConfig,
  prompt: string | readonly number[],
  encode: Encode,
  media: PreparedByKind,
): ExpandedPrompt {
  const { order, tokenIds } =
    typeof prompt === 'string' ? expandText(config, prompt, encode, media) : expandIds(config, prompt, encode, media)
  const parts = order.flatMap(({ kind, item }) => partsOf(config, kind, item, media))
  return { tokenIds, spans: locate(tokenIds, parts, config.resampler.queries, encode) }
}

/** Items in the order of the prompt. */
type Items = readonly { readonly kind: Kind; readonly item: number }[]

function expandText(config: MinicpmvConfig, prompt: string, encode: Encode, media: PreparedByKind): { order: Items; tokenIds: number[] } {
  const pieces = prompt.split(/(\(<image>\.\/<\/image>\)|\(<video>\.\/<\/video>\))/)
  const order = orderOf(
    pieces.flatMap((piece) => KINDS.filter((kind) => PLACEHOLDERS[kind] === piece)),
    media,
  )
  let next = 0
  const text = pieces.map((piece, i) => {
    if (i % 2 === 0) return piece
    const { kind, item } = order[next++] as Items[number]
    return markersOf(config, kind, item, media)
  })
  return { order, tokenIds: encode(text.join(''), true) }
}

/** Ids hold a placeholder where they hold exactly what its text alone is encoded as. */
function expandIds(
  config: MinicpmvConfig,
  ids: readonly number[],
  encode: Encode,
  media: PreparedByKind,
): { order: Items; tokenIds: number[] } {
  const sequences = KINDS.map((kind) => ({ kind, ids: encode(PLACEHOLDERS[kind], false) }))
  const places: { at: number; kind: Kind; length: number }[] = []
  for (let at = 0; at < ids.length; at++) {
    const found = sequences.find((sequence) => sequence.ids.length > 0 && sequence.ids.every((id, i) => ids[at + i] === id))
    if (!found) continue
    places.push({ at, kind: found.kind, length: found.ids.length })
    at += found.ids.length - 1
  }
  const order = orderOf(
    places.map(({ kind }) => kind),
    media,
  )
  const tokenIds: number[] = []
  let from = 0
  places.forEach(({ at, length }, i) => {
    const { kind, item } = order[i] as Items[number]
    tokenIds.push(...ids.slice(from, at), ...encode(markersOf(config, kind, item, media), false))
    from = at + length
  })
  return { order, tokenIds: [...tokenIds, ...ids.slice(from)] }
}

/** The items in the order of the prompt; without a placeholder it must be expanded already, pictures before clips. */
function orderOf(kinds: readonly Kind[], media: PreparedByKind): Items {
  const counts = { image: 0, video: 0 }
  if (kinds.length === 0) return KINDS.flatMap((kind) => (media[kind] ?? []).map((_, item) => ({ kind, item })))
  const order = kinds.map((kind) => ({ kind, item: counts[kind]++ }))
  for (const kind of KINDS) {
    const given = media[kind]?.length ?? 0
    if (given !== counts[kind]) throw mismatch(kind, counts[kind], given)
  }
  return order
}

const mismatch = (kind: Kind, count: number, given: number): Error =>
  invalidRequestError(
    `The prompt has ${count} ${kind} placeholder(s) but multi_modal_data has ${given} ${kind}(s); write ${PLACEHOLDERS[kind]} once per ${kind}, or use chat messages.`,
  )

/** Pictures of an item, and the columns and rows of each one's slices. */
function geometryOf(kind: Kind, item: number, media: PreparedByKind): readonly [pictures: number, cols: number, rows: number] {
  const [pictures = 1, cols = 0, rows = 0] = media[kind]?.[item]?.grid ?? []
  return [pictures, cols, rows]
}

/** The text that an item becomes. */
export function markersOf(config: MinicpmvConfig, kind: Kind, item: number, media: PreparedByKind): string {
  const [pictures, cols, rows] = geometryOf(kind, item, media)
  const block = '<unk>'.repeat(config.resampler.queries)
  const number = kind === 'image' && config.useImageId ? `<image_id>${item}</image_id>` : ''
  const slices = Array.from({ length: rows }, () => `<slice>${block}</slice>`.repeat(cols)).join('\n')
  const picture = `${number}<image>${block}</image>${slices}`
  return Array.from({ length: pictures }, () => picture).join('\n')
}

/** An item's parts in the order of its markers; its rows have all overviews first. */
function partsOf({ resampler: { queries } }: MinicpmvConfig, kind: Kind, item: number, media: PreparedByKind): Part[] {
  const [pictures, cols, rows] = geometryOf(kind, item, media)
  const slices = cols * rows
  const parts: Part[] = []
  for (let picture = 0; picture < pictures; picture++) {
    parts.push({ kind, item, row: picture * queries })
    for (let i = 0; i < slices; i++) parts.push({ kind, item, row: (pictures + picture * slices + i) * queries })
  }
  return parts
}

/** Finds the runs of `<unk>` that stand between markers. */
function locate(ids: readonly number[], parts: readonly Part[], queries: number, encode: Encode): MediaSpan[] {
  if (parts.length === 0) return []
  const [image, slice, unknown] = ['<image>', '<slice>', '<unk>'].map((marker) => idOf(marker, encode))
  const offsets: number[] = []
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] !== image && ids[i] !== slice) continue
    const run = ids.slice(i + 1, i + 1 + queries)
    if (run.length === queries && run.every((id) => id === unknown) && ids[i + 1 + queries] !== unknown) offsets.push(i + 1)
  }
  if (offsets.length !== parts.length) {
    throw invalidRequestError(
      `The prompt has ${offsets.length} place(s) of ${queries} <unk> between markers, but the media given take ${parts.length}; write ${PLACEHOLDERS.image} once per image (${PLACEHOLDERS.video} per video) in a text prompt, or use chat messages.`,
    )
  }
  return parts.map((part, i) => ({ ...part, offset: offsets[i] ?? 0, length: queries }))
}

function idOf(marker: string, encode: Encode): number {
  const ids = encode(marker, false)
  if (ids.length === 1) return ids[0] as number
  throw invalidRequestError(
    `The tokenizer has no token ${marker}, which this model's prompts with media need; is it the right tokenizer.json?`,
  )
}
