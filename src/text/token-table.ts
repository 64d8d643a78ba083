import { modelLoadError } from '../util/errors.ts'
import { type AddedToken, isObject, type JsonObject } from './special-tokens.ts'

/** What each token adds to a text, in bytes: all that decoding needs. */
export interface TokenTable {
  /** The bytes of one token, without regard to its neighbours; none for an id that does not exist. Not to be written to. */
  tokenBytes(id: number): Uint8Array
  /** Whether the token is left out when special tokens are skipped. */
  isSpecial(id: number): boolean
  /** Whether the token stands for one raw byte in a vocabulary of text pieces (`<0x0A>`). */
  isFallbackByte(id: number): boolean
  /** How many spaces the decoder drops at the start of a text. */
  readonly leadingSpaces: number
}

/** The part of tokenizer.json's `decoder` that is known here, as data. */
interface DecoderRules {
  byteLevel: boolean
  byteFallback: boolean
  replacements: [from: string, to: string][]
  leadingSpaces: number
}

const encoder = new TextEncoder()
const noBytes = new Uint8Array(0)

/**
 * GPT-2's alphabet: a printable character stands for its own byte, the other 68 bytes are the characters from U+0100 on.
 * Source: bytes_to_unicode in openai/gpt-2.
 */
function makeByteAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>()
  let next = 256
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
    alphabet.set(String.fromCharCode(printable ? byte : next++), byte)
  }
  return alphabet
}

const byteAlphabet = makeByteAlphabet()

function unsupported(what: string): Error {
  return modelLoadError(
    `tokenizer.json has a decoder that is not supported (${what}); supported are ByteLevel, Metaspace, and a Sequence of ` +
      'Replace (of a string), ByteFallback, Fuse and Strip (of leading spaces). Use a checkpoint with such a tokenizer.',
  )
}

function readReplacement(decoder: JsonObject): [string, string] {
  const pattern = isObject(decoder['pattern']) ? decoder['pattern']['String'] : undefined
  if (typeof pattern !== 'string' || pattern === '') throw unsupported('Replace of a regular expression')
  return [pattern, String(decoder['content'] ?? '')]
}

function readDecoder(decoder: unknown): DecoderRules {
  const rules: DecoderRules = { byteLevel: false, byteFallback: false, replacements: [], leadingSpaces: 0 }
  let fused = false
  const read = (part: unknown): void => {
    if (!isObject(part)) throw unsupported('none')
    switch (part['type']) {
      case 'Sequence':
        for (const inner of Array.isArray(part['decoders']) ? part['decoders'] : []) read(inner)
        return
      case 'ByteLevel':
        rules.byteLevel = true
        return
      case 'ByteFallback':
        rules.byteFallback = true
        return
      case 'Fuse':
        fused = true
        return
      case 'Replace':
        rules.replacements.push(readReplacement(part))
        return
      case 'Metaspace':
        rules.replacements.push([String(part['replacement'] ?? '▁'), ' '])
        rules.leadingSpaces = part['prepend_scheme'] === 'never' ? 0 : 1
        return
      case 'Strip':
        // Before Fuse it would cut every token, after it only the text.
        if (!fused || part['content'] !== ' ' || Number(part['stop'] ?? 0) !== 0) throw unsupported('this Strip')
        rules.leadingSpaces = Number(part['start'] ?? 0)
        return
      default:
        throw unsupported(String(part['type']))
    }
  }
  read(decoder)
  return rules
}

/** Characters outside the alphabet make the whole token literal text, as in the reference implementation. */
function byteLevelBytes(token: string): Uint8Array {
  const bytes: number[] = []
  for (const character of token) {
    const byte = byteAlphabet.get(character)
    if (byte === undefined) return encoder.encode(token)
    bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}

const fallbackByte = (token: string): number | undefined =>
  /^<0x[0-9a-fA-F]{2}>$/.test(token) ? Number.parseInt(token.slice(3, 5), 16) : undefined

/**
 * Makes the table for a vocabulary. `decoder` is that of tokenizer.json; `tokenOf` gives a token's string, undefined for an unknown id.
 * Throws ModelLoadError for a decoder whose tokens cannot be turned into bytes one by one.
 */
export function createTokenTable(decoder: unknown, tokenOf: (id: number) => string | undefined, added: readonly AddedToken[]): TokenTable {
  const rules = readDecoder(decoder)
  const literal = new Set(added.map((token) => token.id))
  const special = new Set(added.filter((token) => token.special).map((token) => token.id))
  const cache = new Map<number, Uint8Array>()

  const bytesOf = (id: number): Uint8Array => {
    const token = tokenOf(id)
    if (token === undefined) return noBytes
    if (rules.byteLevel) return literal.has(id) ? encoder.encode(token) : byteLevelBytes(token)
    const byte = rules.byteFallback ? fallbackByte(token) : undefined
    if (byte !== undefined) return Uint8Array.of(byte)
    return encoder.encode(rules.replacements.reduce((text, [from, to]) => text.replaceAll(from, () => to), token))
  }
  return {
    tokenBytes(id) {
      let bytes = cache.get(id)
      if (!bytes) cache.set(id, (bytes = bytesOf(id)))
      return bytes
    },
    isSpecial: (id) => special.has(id),
    isFallbackByte: (id) => rules.byteFallback && fallbackByte(tokenOf(id) ?? '') !== undefined,
    leadingSpaces: rules.leadingSpaces,
  }
}
