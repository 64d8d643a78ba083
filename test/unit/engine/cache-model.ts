import type { EncoderCache } from '../../../src/engine/encoder-cache.ts'
import type { Plan } from '../../../src/engine/plan.ts'
import type { Sequence } from '../../../src/engine/sequence.ts'

const mix = (a: number, b: number): number => {
  let h = Math.imul(a ^ b, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) + b
  return (h ^ (h >>> 13)) >>> 0
}

const hashText = (text: string): number => [...text].reduce((h, char) => mix(h, char.codePointAt(0) ?? 0), 17)

/** What the keys and values of a token depend on: everything before it, the token, what media stands there, and the salt's owner. */
function fingerprint(before: number, sequence: Sequence, token: number, place: number): number {
  const media = sequence.mediaAt(place)
  return mix(before, media ? mix(hashText(media.key), place - media.offset) : token)
}

const startOf = (sequence: Sequence): number => hashText(sequence.init.cacheSalt)

/** The next token, as a model that reads its whole context would choose it: any wrong page changes it. */
const chooseToken = (seen: number): number => seen % 97

/** The output that a sequence must get, worked out without any cache. */
export function expectedOutput(sequence: Sequence): number[] {
  let seen = startOf(sequence)
  sequence.init.promptTokens.forEach((token, place) => {
    seen = fingerprint(seen, sequence, token, place)
  })
  const output: number[] = []
  for (let place = sequence.promptLength; output.length < sequence.init.maxTokens; place++) {
    const token = chooseToken(seen)
    output.push(token)
    seen = fingerprint(seen, sequence, token, place)
  }
  return output
}

/** Tokens by row and step, as the GPU would hand them back. */
export type ModelResult = number[][]

/**
 * A GPU that keeps fingerprints where a real one keeps keys and values. Whatever it is told to read must be what the sequence wrote,
 * or what a sequence with the same beginning wrote: it throws otherwise.
 */
export class CacheModel {
  readonly #pages: (number | undefined)[][]
  readonly #mediaRows: (string | undefined)[]
  readonly #media: EncoderCache

  constructor(blocks: number, mediaRows: number, media: EncoderCache) {
    this.#pages = Array.from({ length: blocks }, () => new Array(16).fill(undefined))
    this.#mediaRows = new Array(mediaRows).fill(undefined)
    this.#media = media
  }

  run(plan: Plan): ModelResult {
    for (const { key, rows } of plan.encode) {
      for (let i = 0; i < rows.length; i++) this.#mediaRows[rows.start + i] = `${key} ${i}`
    }
    return plan.rows.map(({ sequence, start, count }) => {
      // Tokens past those known are the ones this run chooses, as on the GPU.
      const own = [...sequence.tokens]
      const chosen: number[] = []
      for (let step = 0; step < plan.steps; step++) {
        const end = start + (step + 1) * count
        const seen = this.#compute(sequence, own, start + step * count, end)
        if (end < own.length) continue
        chosen.push(chooseToken(seen))
        own.push(chooseToken(seen))
      }
      return chosen
    })
  }

  /** Reads the pages before `start`, writes those of start…end, and gives the fingerprint of everything up to `end`. */
  #compute(sequence: Sequence, tokens: readonly number[], start: number, end: number): number {
    let seen = startOf(sequence)
    for (let place = 0; place < end; place++) {
      seen = fingerprint(seen, sequence, tokens[place] ?? -1, place)
      const page = this.#pages[sequence.blocks[Math.floor(place / 16)] ?? 0] as (number | undefined)[]
      if (place >= start) {
        this.#checkMedia(sequence, place)
        page[place % 16] = seen
      } else if (page[place % 16] !== seen && place < sequence.promptLength + sequence.init.maxTokens - 1) {
        // The last token's keys, and those of what is computed past it, are read by nobody whose result counts.
        throw new Error(`sequence ${sequence.init.id} finds another's keys at place ${place}`)
      }
    }
    return seen
  }

  #checkMedia(sequence: Sequence, place: number): void {
    const media = sequence.mediaAt(place)
    if (!media) return
    const rows = this.#media.find(media.key)
    const row = rows && this.#mediaRows[rows.start + place - media.offset]
    if (row !== `${media.key} ${place - media.offset}`)
      throw new Error(`sequence ${sequence.init.id} finds '${row}' in place of ${media.key}`)
  }
}
