import { describe, expect, it } from 'vitest'
import { logitBias } from '../../src/kernels/logit-bias.ts'
import { type BiasEntry, logitBias as reference } from '../reference/logit-bias.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

const ALWAYS = 0xffffffff

const CASES: { name: string; rows: number; vocabulary: number; outputIndex: number[]; entries: BiasEntry[] }[] = [
  { name: 'one row, one entry', rows: 1, vocabulary: 40, outputIndex: [0], entries: [{ row: 0, token: 39, value: 2.5, until: ALWAYS }] },
  {
    name: 'entries that have lapsed, that still hold, and two for one token',
    rows: 3,
    vocabulary: 300,
    outputIndex: [4, 5, 6],
    entries: [
      { row: 0, token: 0, value: -100, until: 5 },
      { row: 1, token: 0, value: -100, until: 5 },
      { row: 2, token: 17, value: 1, until: ALWAYS },
      { row: 2, token: 17, value: 3, until: 7 },
    ],
  },
  {
    name: 'a real vocabulary',
    rows: 2,
    vocabulary: 151_936,
    outputIndex: [0, 0],
    entries: [{ row: 1, token: 151_645, value: -50, until: 1 }],
  },
]

describe('logit-bias', () => {
  for (const { name, rows, vocabulary, outputIndex, entries } of CASES) {
    it(`adds what holds: ${name}`, async () => {
      const gpu = await testGpu()
      const logits = randomFloats(vocabulary, rows * vocabulary, -10, 10)
      const rowStart = Array.from({ length: rows + 1 }, (_, row) => entries.filter((entry) => entry.row < row).length)
      const column = (pick: (entry: BiasEntry) => number): number[] => entries.map(pick)
      const [out] = await runOnce(gpu, (step) => [
        logitBias(
          step,
          upload(gpu, 'f32', [rows, vocabulary], logits),
          {
            rowStart: upload(gpu, 'u32', [rows + 1], rowStart),
            token: upload(
              gpu,
              'u32',
              [entries.length],
              column((entry) => entry.token),
            ),
            value: upload(
              gpu,
              'f32',
              [entries.length],
              column((entry) => entry.value),
            ),
            until: upload(
              gpu,
              'u32',
              [entries.length],
              column((entry) => entry.until),
            ),
          },
          upload(gpu, 'u32', [rows], outputIndex),
        ),
      ])
      const expected = reference(logits, vocabulary, entries, outputIndex)
      expect(Array.from(out ?? [])).toEqual(Array.from(Float32Array.from(expected)))
    })
  }

  it('keeps a token banned twice finite, so that its row is not taken for a broken one', async () => {
    const gpu = await testGpu()
    const [out] = await runOnce(gpu, (step) => [
      logitBias(
        step,
        upload(gpu, 'f32', [1, 4], [1, 2, 3, 4]),
        {
          rowStart: upload(gpu, 'u32', [2], [0, 2]),
          token: upload(gpu, 'u32', [2], [3, 3]),
          value: upload(gpu, 'f32', [2], [-3e38, -3e38]),
          until: upload(gpu, 'u32', [2], [ALWAYS, ALWAYS]),
        },
        upload(gpu, 'u32', [1], [0]),
      ),
    ])
    expect(Number.isFinite(out?.[3])).toBe(true)
    expect(out?.[3]).toBeLessThan(-1e38)
  })
})
