import type { OutputTokenizer } from '../../../src/engine/output-processor.ts'
import { END_TOKEN } from './make-sequence.ts'

/** Token i below 95 is the i-th printable ASCII character; 96 and 97 are the two bytes of é; 99 is the end. */
export const fakeTokenizer: OutputTokenizer = {
  vocabSize: 100,
  leadingSpaces: 0,
  isSpecial: (id) => id === END_TOKEN,
  isFallbackByte: () => false,
  tokenBytes(id) {
    if (id === 96) return Uint8Array.of(0xc3)
    if (id === 97) return Uint8Array.of(0xa9)
    if (id === END_TOKEN) return new TextEncoder().encode('<end>')
    return Uint8Array.of(32 + id)
  },
  decode: (ids) => [...ids].map((id) => String.fromCharCode(32 + id)).join(''),
}

export const idsOf = (text: string): number[] => [...text].map((char) => (char.codePointAt(0) ?? 0) - 32)
