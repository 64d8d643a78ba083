/** What stands in place of the logit of a token that may not be chosen. */
export const FORBIDDEN = Math.fround(-2e36)

/** One row: logits of tokens that are not allowed become FORBIDDEN; a value that is not finite stays. */
export const tokenMask = (logits: ArrayLike<number>, allowed: readonly boolean[]): number[] =>
  Array.from(logits, (x, token) => (allowed[token] || !Number.isFinite(x) ? x : FORBIDDEN))
