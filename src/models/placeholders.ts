import { invalidRequestError } from '../util/errors.ts'
import type { ExpandedPrompt, MediaKind, MediaSpan, PreparedByKind, PreparedMedia, PromptPositions } from './family.ts'

/** The token that stands for items of a kind, and how errors write a placeholder. */
export interface Placeholder {
  readonly kind: MediaKind
  readonly token: number
  readonly example: string
}

/**
 * Replaces each media placeholder by as many as its item has embedding rows. A prompt given as ids may come expanded already: then
 * every run of placeholders has exactly its item's length. Errors: InvalidRequestError when placeholders and items do not match.
 */
export function expandPlaceholders(ids: readonly number[], placeholders: readonly Placeholder[], media: PreparedByKind): ExpandedPrompt {
  const expanded = new Map(placeholders.map((each) => [each.token, isExpanded(each, ids, media[each.kind] ?? [])]))
  const kindOf = new Map(placeholders.map(({ kind, token }) => [token, kind]))
  const next = new Map<MediaKind, number>()
  const tokenIds: number[] = []
  const spans: MediaSpan[] = []
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number
    const kind = kindOf.get(id)
    if (kind === undefined) {
      tokenIds.push(id)
      continue
    }
    const item = next.get(kind) ?? 0
    next.set(kind, item + 1)
    const length = media[kind]?.[item]?.tokens ?? 0
    spans.push({ kind, item, offset: tokenIds.length, length })
    for (let k = 0; k < length; k++) tokenIds.push(id)
    if (expanded.get(id)) i += length - 1
  }
  return { tokenIds, spans }
}

/** True if the runs of this placeholder are expanded already. Errors: neither one placeholder per item nor one full run per item. */
function isExpanded({ kind, token, example }: Placeholder, ids: readonly number[], items: readonly PreparedMedia[]): boolean {
  const count = ids.reduce((sum, id) => sum + (id === token ? 1 : 0), 0)
  if (count === items.length) return false
  let at = 0
  const complete = items.every((item) => {
    at = ids.indexOf(token, at)
    const run = at >= 0 && ids.slice(at, at + item.tokens).every((id) => id === token)
    at += item.tokens
    return run
  })
  if (complete && count === items.reduce((sum, item) => sum + item.tokens, 0)) return true
  throw invalidRequestError(
    `The prompt has ${count} ${kind} placeholder(s) but multi_modal_data has ${items.length} ${kind}(s); give one ${example} per ${kind}, or use chat messages.`,
  )
}

/** Positions 0, 1, 2, … for text and media alike. */
export function sequentialPositions({ tokenIds: { length } }: ExpandedPrompt): PromptPositions {
  return { streams: Int32Array.from({ length: 3 * length }, (_, i) => i % length), next: length }
}
