export interface Penalties {
  readonly repetition: number
  readonly presence: number
  readonly frequency: number
}

/** vLLM's penalties for one row. inPrompt and outputCount are per token. */
export function logitPenalties(
  logits: readonly number[],
  inPrompt: readonly boolean[],
  outputCount: readonly number[],
  p: Penalties,
): number[] {
  return logits.map((logit, token) => {
    const count = outputCount[token] ?? 0
    let x = logit
    if (inPrompt[token] || count > 0) x = x > 0 ? x / p.repetition : x * p.repetition
    x -= p.frequency * count
    if (count > 0) x -= p.presence
    return x
  })
}
