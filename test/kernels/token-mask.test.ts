import { describe, expect, it } from 'vitest'
import type { Gpu } from '../../src/gpu/device.ts'
import { maskWords, tokenMask } from '../../src/kernels/token-mask.ts'
import { sample } from '../../src/layers/sampler.ts'
import { tokenMask as reference } from '../reference/token-mask.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats, randomInts } from '../support/random.ts'

/** A mask's words from a flag per token. */
function pack(allowed: readonly boolean[]): Uint32Array {
  const words = new Uint32Array(maskWords(allowed.length))
  for (const [token, yes] of allowed.entries()) if (yes) words[token >> 5] = (words[token >> 5] ?? 0) | (1 << (token & 31))
  return words
}

const tableOf = (gpu: Gpu, masks: readonly (readonly boolean[])[]) =>
  upload(
    gpu,
    'u32',
    [masks.length, maskWords(masks[0]?.length ?? 0)],
    masks.flatMap((allowed) => [...pack(allowed)]),
  )

const SHAPES: [rows: number, vocabulary: number][] = [
  [1, 1],
  [1, 32],
  [3, 100],
  [2, 1000],
  [5, 8193],
  [2, 151_936],
]

describe('token-mask', () => {
  for (const [rows, vocabulary] of SHAPES) {
    it(`leaves each row the tokens of its own mask, ${rows} × ${vocabulary}`, async () => {
      const gpu = await testGpu()
      const logits = randomFloats(vocabulary, rows * vocabulary, -30, 30)
      // Slot 0 allows everything, as for rows without a grammar; the others hold a token in three.
      const masks = Array.from({ length: rows + 1 }, (_, slot) =>
        Array.from(randomInts(slot, vocabulary, 3), (dice) => slot === 0 || dice === 0),
      )
      const slots = Array.from({ length: rows }, (_, row) => (row * 2) % (rows + 1))
      const [out] = await runOnce(gpu, (step) => [
        tokenMask(step, upload(gpu, 'f32', [rows, vocabulary], logits), {
          table: tableOf(gpu, masks),
          slot: upload(gpu, 'u32', [rows], slots),
        }),
      ])
      const expected = slots.flatMap((slot, row) =>
        reference(logits.subarray(row * vocabulary, (row + 1) * vocabulary), masks[slot] as boolean[]),
      )
      expect(Array.from(out ?? [])).toEqual(expected)
    })
  }

  it('keeps values that are not finite, allowed or not', async () => {
    const gpu = await testGpu()
    const values = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1]
    const [out] = await runOnce(gpu, (step) => [
      tokenMask(step, upload(gpu, 'f32', [1, 4], values), {
        table: tableOf(gpu, [[false, false, true, false]]),
        slot: upload(gpu, 'u32', [1], [0]),
      }),
    ])
    expect(Array.from(out ?? [])).toEqual(reference(values, [false, false, true, false]))
  })
})

describe('a sampler with masks', () => {
  const VOCABULARY = 300
  const ALWAYS = 0xffffffff
  const PARAMS = {
    greedy: [0, 1, 0, 0, 1, 0, 0, 0],
    'at the least temperature': [0.01, 1, 0, 0, 1, 0, 0, 0],
    'with top_p, top_k and min_p': [0.7, 0.8, 20, 0.1, 1, 0, 0, 0],
    'with the largest repetition penalty': [1, 1, 0, 0, 1e6, 2, 2, 0],
  }
  for (const [name, params] of Object.entries(PARAMS)) {
    it(`chooses only what its row's mask allows, even if that is banned, and reports the model's own log-probabilities: ${name}`, async () => {
      const gpu = await testGpu()
      const rows = 3
      const logits = randomFloats(3, rows * VOCABULARY, -20, 20)
      // Row 0 may choose everything; row 1 the odd ones from 100 on; row 2 one token, which min_tokens bans at the same time.
      const allowed = [() => true, (token: number) => token >= 100 && token % 2 === 1, (token: number) => token === 250]
      const masks = allowed.map((may) => Array.from({ length: VOCABULARY }, (_, token) => may(token)))
      const counts = Uint32Array.from({ length: VOCABULARY }, () => 3)
      const [ids, logprobs] = await runOnce(gpu, (step) => {
        const { tokenIds, logprobs: scores } = sample(step, upload(gpu, 'f32', [rows, VOCABULARY], logits), {
          params: upload(gpu, 'f32', [rows, 8], Array(rows).fill(params).flat()),
          seeds: upload(gpu, 'u32', [rows, 2], randomInts(1, 2 * rows, 1e9)),
          outputIndex: upload(gpu, 'u32', [rows], [0, 0, 0]),
          bias: {
            rowStart: upload(gpu, 'u32', [rows + 1], [0, 0, 0, 1]),
            token: upload(gpu, 'u32', [1], [250]),
            value: upload(gpu, 'f32', [1], [-1e30]),
            until: upload(gpu, 'u32', [1], [ALWAYS]),
          },
          counts: { table: upload(gpu, 'u32', [1, VOCABULARY], counts), slot: upload(gpu, 'u32', [rows], [0, 0, 0]) },
          mask: { table: tableOf(gpu, masks), slot: upload(gpu, 'u32', [rows], [0, 1, 2]) },
          greedyOnly: name === 'greedy',
          logprobs: 0,
          forced: upload(gpu, 'u32', [rows], Array(rows).fill(ALWAYS)),
        })
        return [tokenIds, scores?.chosenLogprob ?? tokenIds]
      })
      const chosen = [...(ids ?? [])]
      expect(chosen.map((token, row) => allowed[row]?.(token))).toEqual([true, true, true])
      expect(chosen[2]).toBe(250)
      for (const [row, token] of chosen.entries()) {
        const own = logits.subarray(row * VOCABULARY, (row + 1) * VOCABULARY)
        const peak = Math.max(...own)
        const total = own.reduce((sum, x) => sum + Math.exp(x - peak), 0)
        expect(Math.abs((logprobs?.[row] ?? Number.NaN) - ((own[token] ?? 0) - peak - Math.log(total)))).toBeLessThan(1e-3)
      }
    })
  }
})
