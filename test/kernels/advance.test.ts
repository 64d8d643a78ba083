import { describe, expect, it } from 'vitest'
import { advance } from '../../src/kernels/advance.ts'
import type { TokenLogprobs } from '../../src/kernels/token-logprobs.ts'
import { type AdvanceCase, advance as reference } from '../reference/advance.ts'
import { download, runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats, randomInts } from '../support/random.ts'

const FAILED = 0xffffffff

/** Rows of a decode step each own a token; others are some of many. */
const CASES: [name: string, rows: number, tokens: number, top: number, decode: boolean, iteration: number][] = [
  ['one row', 1, 1, -1, true, 0],
  ['a batch in its third step', 16, 16, -1, true, 2],
  ['more rows than threads', 70, 70, 0, true, 1],
  ['five likeliest tokens', 3, 3, 5, true, 4],
  ['rows of a prompt, which stay where they are', 9, 24, 2, false, 0],
]

describe('advance', () => {
  for (const [name, rows, tokens, top, decode, iteration] of CASES) {
    it(`writes the ring and moves on: ${name}`, async () => {
      const gpu = await testGpu()
      const places = { iteration: 0, tokenIds: 64, positions: 256, tokenSlot: 512, tiles: 640, outputIndex: 960 }
      const before = randomInts(rows, 1088, 1000)
      before[0] = iteration
      const sampled = randomInts(7, rows, 500)
      if (rows > 1) sampled[1] = FAILED
      const width = Math.max(top, 1)
      const floats = { chosen: randomFloats(1, rows, -9, 0), topLogprobs: randomFloats(2, rows * width, -9, 0) }
      const ints = { rank: randomInts(3, rows, 90), topIds: randomInts(4, rows * width, 500) }
      const logprobs: TokenLogprobs = {
        chosenLogprob: upload(gpu, 'f32', [rows], floats.chosen),
        chosenRank: upload(gpu, 'u32', [rows], ints.rank),
        topIds: upload(gpu, 'u32', [rows, width], ints.topIds),
        topLogprobs: upload(gpu, 'f32', [rows, width], floats.topLogprobs),
      }
      const ringWords = (iteration + 2) * rows * (3 + 2 * width)
      const state = upload(gpu, 'u32', [before.length], before)
      const ring = upload(gpu, 'u32', [ringWords], new Uint32Array(ringWords))
      const ids = upload(gpu, 'u32', [rows], sampled)
      // Twice: the second step must find what the first has left.
      await runOnce(gpu, (step) => {
        for (let i = 0; i < 2; i++) {
          advance(step, { sampled: ids, logprobs: top < 0 ? undefined : logprobs, top, state, places, tokens, decode, ring })
        }
        return []
      })
      const bits = (values: Float32Array<ArrayBuffer>) => new Uint32Array(values.buffer)
      const words = { chosen: bits(floats.chosen), rank: ints.rank, topIds: ints.topIds, topLogprobs: bits(floats.topLogprobs) }
      const given: AdvanceCase = { rows, tokens, top, decode, places, sampled, logprobs: words }
      const expectedRing = new Uint32Array(ringWords)
      for (let i = 0; i < 2; i++) reference(before, expectedRing, given)
      expect(Array.from(await download(gpu, state))).toEqual(Array.from(before))
      expect(Array.from(await download(gpu, ring))).toEqual(Array.from(expectedRing))
    })
  }
})
