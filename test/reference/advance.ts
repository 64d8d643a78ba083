/** What `advance` is told beside its tensors. Places are in words. */
export interface AdvanceCase {
  readonly rows: number
  readonly tokens: number
  readonly top: number
  readonly decode: boolean
  readonly places: {
    readonly iteration: number
    readonly tokenIds: number
    readonly positions: number
    readonly tokenSlot: number
    readonly tiles: number
    readonly outputIndex: number
  }
  readonly sampled: ArrayLike<number>
  /** As words: floats are given by their bits. */
  readonly logprobs?: { chosen: ArrayLike<number>; rank: ArrayLike<number>; topIds: ArrayLike<number>; topLogprobs: ArrayLike<number> }
}

/** Appends the rows' results to the ring and, in a decode step, moves the state on. Changes both in place. */
export function advance(state: Uint32Array, ring: Uint32Array, given: AdvanceCase): void {
  const { rows, tokens, top, decode, places, sampled, logprobs } = given
  const width = top < 0 ? 1 : 3 + 2 * top
  const iteration = state[places.iteration] ?? 0
  for (let row = 0; row < rows; row++) {
    const entry = [sampled[row] ?? 0]
    if (top >= 0 && logprobs) {
      entry.push(logprobs.chosen[row] ?? 0, logprobs.rank[row] ?? 0)
      for (let i = 0; i < top; i++) entry.push(logprobs.topIds[row * top + i] ?? 0)
      for (let i = 0; i < top; i++) entry.push(logprobs.topLogprobs[row * top + i] ?? 0)
    }
    ring.set(entry, (iteration * rows + row) * width)
    if (!decode) continue
    state[places.tokenIds + row] = sampled[row] === 0xffffffff ? 0 : (sampled[row] ?? 0)
    const counters = [places.tokenSlot + row, places.tiles + row * 4 + 3, places.outputIndex + row]
    for (let stream = 0; stream < 3; stream++) counters.push(places.positions + stream * tokens + row)
    for (const at of counters) state[at] = (state[at] ?? 0) + 1
  }
  state[places.iteration] = iteration + 1
}
