/** What a processor subtracts from and divides channels by, of values from 0 to 1. */
export interface PixelStatistics {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** The pictures that OpenAI's CLIP was trained on. */
export const CLIP_PIXELS: PixelStatistics = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
}

/** What each of the 256 levels becomes, rounded to float32 where transformers rounds: after scaling, subtracting and dividing. */
export function normalisedLevels(mean: number, std: number): Float32Array {
  const levels = new Float32Array(256)
  for (let level = 0; level < 256; level++) {
    const scaled = Math.fround(level * (1 / 255))
    levels[level] = Math.fround(scaled - Math.fround(mean)) / Math.fround(std)
  }
  return levels
}
