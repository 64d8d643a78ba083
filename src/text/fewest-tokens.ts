import { isObject, type JsonObject } from './special-tokens.ts'

/** Kinds of bytes that are counted apart: a token may be 128 spaces, but none is 128 letters. */
const LETTER = 0
const DIGIT = 1
const SPACE = 2
const MARK = 3
const BEYOND_ASCII = 4
const KINDS = 5

function kindOf(byte: number): number {
  if (byte >= 128) return BEYOND_ASCII
  if ((byte | 32) >= 97 && (byte | 32) <= 122) return LETTER
  if (byte >= 48 && byte <= 57) return DIGIT
  return byte <= 32 ? SPACE : MARK
}

const kinds = Uint8Array.from({ length: 256 }, (_, byte) => kindOf(byte))

function countKinds(bytes: Uint8Array): Float64Array {
  const counts = new Float64Array(KINDS)
  for (const byte of bytes) counts[kinds[byte] as number]! += 1
  return counts
}

/** A vocabulary, as far as it bounds the number of tokens. */
export interface BoundedVocabulary {
  /** The parsed tokenizer.json. */
  readonly json: JsonObject
  /** One more than the highest id. */
  readonly size: number
  tokenBytes(id: number): Uint8Array
}

/**
 * Gives a function that says how many tokens a text has at least, without encoding it: of each kind of bytes, how many there are over the
 * most that one token holds. 0 where nothing can be said. The first call reads the whole vocabulary; later ones take about a nanosecond per
 * byte, where encoding takes a microsecond.
 */
export function createTokenBound({ json, size, tokenBytes }: BoundedVocabulary): (text: string) => number {
  const rules = readRules(json)
  let most: Float64Array | undefined
  return (text) => {
    if (!rules) return 0
    most ??= mostPerToken(size, tokenBytes, rules.stripsSpace)
    const counts = countKinds(new TextEncoder().encode(rules.composes ? text.normalize('NFC') : text))
    let fewest = 0
    for (let kind = 0; kind < KINDS; kind++) fewest = Math.max(fewest, Math.ceil((counts[kind] as number) / (most[kind] as number)))
    return fewest
  }
}

/** Bytes of each kind in the token that has the most of them; infinite for kinds of which some bytes have no token and may vanish. */
function mostPerToken(size: number, tokenBytes: (id: number) => Uint8Array, stripsSpace: boolean): Float64Array {
  const most = new Float64Array(KINDS).fill(1)
  const single = new Uint8Array(256)
  for (let id = 0; id < size; id++) {
    const bytes = tokenBytes(id)
    if (bytes.length === 1) single[bytes[0] as number] = 1
    const counts = countKinds(bytes)
    for (let kind = 0; kind < KINDS; kind++) most[kind] = Math.max(most[kind] as number, counts[kind] as number)
  }
  // 0xC0, 0xC1 and what comes after 0xF4 are in no UTF-8 text.
  for (let byte = 0; byte < 0xf5; byte++) {
    if (!single[byte] && byte !== 0xc0 && byte !== 0xc1) most[kinds[byte] as number] = Number.POSITIVE_INFINITY
  }
  if (stripsSpace) most[SPACE] = Number.POSITIVE_INFINITY
  return most
}

/** What happens to a text before it is cut into tokens; undefined where it may become shorter in ways that are not known here. */
function readRules(json: JsonObject): { composes: boolean; stripsSpace: boolean } | undefined {
  const { model, normalizer, pre_tokenizer: cutter, added_tokens: added } = json
  if (!isObject(model) || (model['type'] ?? 'BPE') !== 'BPE' || !keepsAll(cutter)) return undefined
  const steps =
    normalizer == null ? [] : isObject(normalizer) && Array.isArray(normalizer['normalizers']) ? normalizer['normalizers'] : [normalizer]
  if (!steps.every(isHarmless)) return undefined
  const strips = (token: unknown): boolean => isObject(token) && (token['lstrip'] === true || token['rstrip'] === true)
  return {
    composes: steps.some((step) => isObject(step) && step['type'] === 'NFC'),
    stripsSpace: Array.isArray(added) && added.some(strips),
  }
}

/** Does a pre-tokenizer only cut the text, and drop nothing of it? */
function keepsAll(cutter: unknown): boolean {
  if (cutter == null) return true
  if (!isObject(cutter)) return false
  const { type, pretokenizers, behavior, invert } = cutter
  if (type === 'Sequence') return Array.isArray(pretokenizers) && pretokenizers.every(keepsAll)
  if (type === 'Split') return behavior !== 'Removed' && invert !== true
  return type === 'ByteLevel' || type === 'Digits' || type === 'Metaspace'
}

/** NFC, and what SentencePiece does with spaces. */
function isHarmless(step: unknown): boolean {
  if (!isObject(step)) return false
  if (step['type'] === 'NFC' || step['type'] === 'Prepend') return true
  const pattern = isObject(step['pattern']) ? step['pattern']['String'] : undefined
  return step['type'] === 'Replace' && pattern === ' ' && step['content'] === '▁'
}
