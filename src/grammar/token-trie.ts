/**
 * The bytes of all tokens of a vocabulary as a tree. Nodes are numbered so that what is below a node follows it: those from
 * `node + 1` up to, not with, `ends[node]`. Node 0 is the root.
 */
export interface TokenTrie {
  /** Tokens in the vocabulary, those without bytes included. */
  readonly size: number
  /** The byte that leads to each node, and how many there are from the root. */
  readonly bytes: Uint8Array
  readonly depths: Uint16Array
  readonly ends: Int32Array
  /** The tokens that end at node i: those from `firstToken[i]` up to, not with, `firstToken[i + 1]` of `tokens`. */
  readonly firstToken: Int32Array
  readonly tokens: Int32Array
  /** The bytes of token i: those from `starts[i]` up to, not with, `starts[i + 1]` of `texts`. */
  readonly starts: Int32Array
  readonly texts: Uint8Array
}

/** The longest token that is kept; longer ones are never allowed. */
const LONGEST = 65_535

/** Puts a vocabulary of `size` tokens in a tree. Tokens for which `bytesOf` answers undefined or nothing (special ones) are left out. */
export function makeTokenTrie(size: number, bytesOf: (id: number) => Uint8Array | undefined): TokenTrie {
  const { starts, texts, ids } = collect(size, bytesOf)
  const sorted = sortTokens(ids, starts, texts)
  const most = texts.length + 1
  const bytes = new Uint8Array(most)
  const depths = new Uint16Array(most)
  const ends = new Int32Array(most)
  const firstToken = new Int32Array(most + 1)
  // The nodes from the root to the one last made.
  const path = [0]
  let count = 1
  const close = (depth: number) => {
    while (path.length > depth + 1) ends[path.pop()!] = count
  }
  sorted.forEach((id, place) => {
    const start = starts[id]!
    const length = starts[id + 1]! - start
    let shared = 0
    while (shared < length && shared + 1 < path.length && bytes[path[shared + 1]!] === texts[start + shared]) shared++
    close(shared)
    for (let i = shared; i < length; i++) {
      bytes[count] = texts[start + i]!
      depths[count] = i + 1
      firstToken[count] = place
      path.push(count++)
    }
  })
  close(0)
  ends[0] = count
  firstToken[count] = sorted.length
  return { size, bytes: bytes.slice(0, count), depths: depths.slice(0, count), ends, firstToken, tokens: sorted, starts, texts }
}

function collect(size: number, bytesOf: (id: number) => Uint8Array | undefined) {
  const parts: Uint8Array[] = []
  const starts = new Int32Array(size + 1)
  const ids: number[] = []
  for (let id = 0; id < size; id++) {
    const bytes = bytesOf(id)
    const kept = bytes && bytes.length <= LONGEST ? bytes : new Uint8Array()
    parts.push(kept)
    starts[id + 1] = starts[id]! + kept.length
    if (kept.length > 0) ids.push(id)
  }
  const texts = new Uint8Array(starts[size]!)
  for (let id = 0; id < size; id++) texts.set(parts[id]!, starts[id]!)
  return { starts, texts, ids }
}

/** As many first bytes are sorted by counting, which leaves few ties. */
const COUNTED = 8

/** Tokens in the order of their bytes. */
function sortTokens(ids: readonly number[], starts: Int32Array, texts: Uint8Array): Int32Array {
  let sorted = Int32Array.from(ids)
  let spare = new Int32Array(ids.length)
  // Past its end a token has 0, as if it had zero bytes there.
  const byteAt = (id: number, place: number) => (starts[id]! + place < starts[id + 1]! ? texts[starts[id]! + place]! : 0)
  for (let place = COUNTED - 1; place >= 0; place--) {
    const next = new Int32Array(257)
    for (let i = 0; i < sorted.length; i++) next[byteAt(sorted[i]!, place) + 1]!++
    for (let byte = 0; byte < 256; byte++) next[byte + 1]! += next[byte]!
    for (let i = 0; i < sorted.length; i++) spare[next[byteAt(sorted[i]!, place)]!++] = sorted[i]!
    ;[sorted, spare] = [spare, sorted]
  }
  const tied = (a: number, b: number) => {
    for (let place = 0; place < COUNTED; place++) if (byteAt(a, place) !== byteAt(b, place)) return false
    return true
  }
  for (let from = 0; from < sorted.length; ) {
    let to = from + 1
    while (to < sorted.length && tied(sorted[from]!, sorted[to]!)) to++
    if (to - from > 1) sorted.subarray(from, to).sort((a, b) => compareTokens(a, b, starts, texts))
    from = to
  }
  return sorted
}

function compareTokens(a: number, b: number, starts: Int32Array, texts: Uint8Array): number {
  let i = starts[a]!
  let j = starts[b]!
  const endA = starts[a + 1]!
  const endB = starts[b + 1]!
  while (i < endA && j < endB) {
    const difference = texts[i++]! - texts[j++]!
    if (difference !== 0) return difference
  }
  return endA - i - (endB - j) || a - b
}
