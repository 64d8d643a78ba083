const LONGEST = 80

/** A value that a caller gave, as errors show it: JSON where there is some, cut at 80 characters. Never throws. */
export function showValue(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    // A circle, or a bigint within: its kind must do.
  }
  text ??= String(value)
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
}
