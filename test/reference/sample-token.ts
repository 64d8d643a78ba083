export interface SamplingRow {
  readonly temperature: number
  readonly topP: number
  readonly topK: number
  readonly minP: number
}

/** The distribution a row is drawn from: softmax at the temperature, cut by min_p, then top_k, then top_p of what remains (ties stay). */
export function samplingDistribution(logits: readonly number[], { temperature, topP, topK, minP }: SamplingRow): number[] {
  const peak = Math.max(...logits)
  let mass = logits.map((x) => Math.exp((x - peak) / temperature))
  if (minP > 0) mass = mass.map((p) => (p >= minP ? p : 0))
  if (topK > 0 && topK < logits.length) {
    const smallest = [...mass].sort((a, b) => b - a)[topK - 1] ?? 0
    mass = mass.map((p) => (p >= smallest ? p : 0))
  }
  if (topP < 1) {
    const total = mass.reduce((sum, p) => sum + p, 0)
    let held = 0
    let smallest = 0
    for (const p of [...mass].sort((a, b) => b - a)) {
      smallest = p
      held += p
      if (held >= topP * total) break
    }
    mass = mass.map((p) => (p >= smallest ? p : 0))
  }
  const total = mass.reduce((sum, p) => sum + p, 0)
  return mass.map((p) => p / total)
}
