/** A class token before each picture's patches, and positions. Inputs as in shaders/class-token.wgsl. */
export function classToken(
  x: ArrayLike<number>,
  token: ArrayLike<number>,
  positions: ArrayLike<number>,
  { pictures, patches, width }: { pictures: number; patches: number; width: number },
): Float64Array {
  const out: number[] = []
  for (let picture = 0; picture < pictures; picture++) {
    for (let i = 0; i < width; i++) out.push((token[i] as number) + (positions[i] as number))
    for (let patch = 0; patch < patches; patch++) {
      for (let i = 0; i < width; i++) {
        out.push((x[(picture * patches + patch) * width + i] as number) + (positions[(patch + 1) * width + i] as number))
      }
    }
  }
  return Float64Array.from(out)
}
