export interface RowLogprobs {
  readonly topIds: number[]
  readonly topLogprobs: number[]
  readonly chosenLogprob: number
  readonly chosenRank: number
}

/** Log-softmax of one row, its `top` likeliest tokens (ties: lower id first), and the chosen token's value and rank. */
export function tokenLogprobs(logits: readonly number[], chosen: number, top: number): RowLogprobs {
  const peak = logits.reduce((a, b) => Math.max(a, b))
  const logSum = peak + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - peak), 0))
  const topIds = logits
    .map((_, id) => id)
    .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
    .slice(0, top)
  const at = logits[chosen] ?? 0
  return {
    topIds,
    topLogprobs: topIds.map((id) => (logits[id] ?? 0) - logSum),
    chosenLogprob: at - logSum,
    chosenRank: 1 + logits.filter((x) => x > at).length,
  }
}
