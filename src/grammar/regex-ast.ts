import type { CharSet } from './char-set.ts'

/** A regular expression, read. */
export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'seq'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'alt'; readonly parts: readonly RegexNode[] }
  /** `max` may be Infinity. */
  | { readonly kind: 'repeat'; readonly node: RegexNode; readonly min: number; readonly max: number }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
