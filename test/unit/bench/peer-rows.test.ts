import { describe, expect, it } from 'vitest'
import type { BenchRow } from '../../../cli/bench-rows.ts'
import { measurementOf } from '../../bench/peers/ocellus-child.ts'
import { chooseToken } from '../../bench/peers/page/choose-token.ts'
import { allFinite, offloadOf, speeds, textPrompt } from '../../bench/peers/page/llama-server.ts'
import type { Measurement } from '../../bench/peers/page/measurement.ts'
import { comparedTo, failedRow, joinedRounds, measuredRow, type PeerRow } from '../../bench/peers/peer-row.ts'
import { allRight, peerTable, ratio } from '../../bench/peers/peer-table.ts'

const head = { shape: 'tiny', context: 128, tokens: 32, prefill: 64, runs: 3 }
const found: Measurement = {
  device: 'a GPU',
  onCpu: false,
  weights: 'q4',
  decode: [90, 100, 110],
  prefill: [1000, 1400, 1200],
  answer: [1, 2],
  sameRuns: true,
  finite: true,
  loadMs: 12.4,
  notes: [],
}
const row = (engine: string, changes: Partial<Measurement> = {}, mode = 'm'): PeerRow =>
  measuredRow({ engine, version: '1', mode }, head, performance.now(), { ...found, ...changes })
const failed = (engine: string, mode = 'm'): PeerRow =>
  failedRow({ engine, version: '1', mode }, head, performance.now(), new Error('no room'))

describe('a row', () => {
  it('has the median of its runs, and the runs', () => {
    expect(row('a')).toMatchObject({ decode_tokens_per_second: 100, decode_runs: [90, 100, 110], prefill_tokens_per_second: 1200 })
    expect(row('a')).toMatchObject({ shape: 'tiny', context: 128, tokens: 32, prefill_tokens: 64, load_ms: 12 })
  })

  it.each([
    [{ sameRuns: false }, 'answers differ between runs'],
    [{ finite: false }, 'logits are not finite'],
    [{ answer: [] }, 'there was no answer'],
  ])('says what is wrong: %o', (changes, wrong) => {
    expect(row('a', changes).wrong).toEqual([wrong])
    expect(allRight([row('a'), row('b', changes)])).toBe(false)
  })

  it('says that its answer is not another’s, and nothing where they cannot be compared', () => {
    const other = row('b', { answer: [1, 3] })
    expect(comparedTo(row('a'), other).wrong).toEqual(['the answer differs from b m'])
    expect(comparedTo(row('a'), row('b')).wrong).toBe(undefined)
    expect(comparedTo(row('a'), row('b', { answer: 'text' })).wrong).toBe(undefined)
    expect(comparedTo(row('a'), failed('b')).wrong).toBe(undefined)
    expect(comparedTo(row('a'), undefined).wrong).toBe(undefined)
  })
})

describe('rounds', () => {
  it('become one row with all their runs', () => {
    const [joined, ...others] = joinedRounds([row('a'), row('a', { decode: [50, 60], sameRuns: false })])
    expect(others).toEqual([])
    expect(joined).toMatchObject({
      decode_tokens_per_second: 90,
      decode_runs: [90, 100, 110, 50, 60],
      wrong: ['answers differ between runs'],
    })
  })

  it('keep configurations apart, and a failure only where nothing else came of it', () => {
    const rows = [row('a'), row('a', {}, 'n'), row('a', { weights: 'fp32' }), failed('a'), failed('b'), failed('b')]
    expect(joinedRounds(rows).map(({ engine, mode, weights }) => [engine, mode, weights])).toEqual([
      ['a', 'm', 'q4'],
      ['a', 'n', 'q4'],
      ['a', 'm', 'fp32'],
      ['b', 'm', undefined],
    ])
  })
})

describe('the table', () => {
  it.each([
    [800, 100, '8.00 ×'],
    [800, 64, '12.5 ×'],
    [10, 20, '0.50 ×'],
    [undefined, 20, ''],
    [10, undefined, ''],
    [10, 0, ''],
  ])('Ocellus at %o and another at %o is %s', (own, other, text) => {
    expect(ratio(own, other)).toBe(text)
  })

  it('says how many times as fast Ocellus is, and what is wrong below', () => {
    const rows = [row('Ocellus', { decode: [800], prefill: [24000] }), row('peer', { onCpu: true, finite: false }), failed('third')]
    const lines = peerTable(rows).split('\n')
    expect(lines).toHaveLength(6)
    expect(lines[1]).toMatch(/^Ocellus 1 .* 800 +1\.00 × +24000 +1\.00 ×$/)
    expect(lines[2]).toMatch(/^peer 1 \[1\] .* a GPU, NOT THE GPU +100 +8\.00 × +1200 +20\.0 ×$/)
    expect(lines[3]).toMatch(/^third 1 \[2\] +m +– +–$/)
    expect(lines.slice(4)).toEqual(['[1] WRONG: logits are not finite', '[2] did not run: no room'])
    expect(allRight([row('Ocellus'), failed('third')])).toBe(true)
  })

  it('has no ratios without Ocellus', () => {
    expect(peerTable([row('peer')])).not.toContain('×')
  })
})

describe('rows of ocellus bench', () => {
  const adapter = { vendor: 'v', architecture: 'a', description: '', software: false } as Extract<BenchRow, { row: 'load' }>['adapter']
  const bytes = { fetch_ms: 0, convert_ms: 0, upload_ms: 0, bytes: 0, gpu_bytes: 0 }
  const rows: BenchRow[] = [
    { row: 'load', adapter, dtype: 'float16', quantization: 'q4', max_model_len: 4096, load_ms: 5, ...bytes },
    { row: 'finite', positions: 8, finite: true },
    {
      row: 'decode',
      context: 128,
      tokens_per_second: 2,
      runs: [1, 2, 3],
      bytes_per_token: 2e6,
      gigabytes_per_second: 1,
      copy_share: null,
      same_tokens: true,
    },
    { row: 'prefill', tokens: 64, tokens_per_second: 20, runs: [10, 20, 30], same_tokens: true },
  ]

  it('become what peers say', () => {
    expect(measurementOf(rows)).toMatchObject({
      device: 'v a',
      weights: 'q4, float16',
      decode: [1, 2, 3],
      prefill: [10, 20, 30],
      finite: true,
    })
  })

  it('are not taken where a part failed or is missing', () => {
    expect(() => measurementOf([...rows, { row: 'failed', part: 'decode', error: 'no' }])).toThrow('ocellus bench failed at decode: no')
    expect(() => measurementOf(rows.slice(0, 3))).toThrow('before all was measured')
    expect(measurementOf(rows.filter(({ row: kind }) => kind !== 'finite')).finite).toBe(false)
  })
})

describe('what llama.cpp says', () => {
  const timings = { prompt_n: 10, prompt_ms: 5, predicted_n: 8, predicted_ms: 70 }

  it('gives speeds, with the first token of the answer counted to the prompt', () => {
    expect(speeds(timings, 10, 8)).toEqual({ prefill: 2000, decode: 100 })
    expect(speeds({ ...timings, predicted_n: 7 }, 10, 8)).toEqual({ prefill: 2000, decode: 100 })
    expect(speeds({ ...timings, predicted_n: 1 }, 10, 1).decode).toBe(0)
  })

  it.each([
    [{ prompt_n: 9 }, 'read 9 of 10 tokens'],
    [{ cache_n: 3 }, '3 out of its cache'],
    [{ predicted_n: 5 }, 'wrote 5 of 8'],
  ])('is refused where not all was done: %o', (changes, message) => {
    expect(() => speeds({ ...timings, ...changes }, 10, 8)).toThrow(message)
  })

  it('is asked of prompts of any length', () => {
    expect([textPrompt(0), textPrompt(5), textPrompt(1000).length]).toEqual(['', 'seven', 1000])
  })

  it.each([
    [['using device Vulkan0 (NVIDIA H200) (0000:01:00.0) - 143156 MiB free', 'offloaded 29/29 layers to GPU'], 'NVIDIA H200', ''],
    [
      ['using device WebGPU: (Intel(R) Arc) - 512 MiB free', 'load_tensors: offloaded 3/29 layers to GPU'],
      'Intel(R) Arc',
      ', 3 of 29 layers',
    ],
    [['nothing of it'], undefined, ''],
  ])('tells of the device and of layers left behind: %o', (logged, name, rest) => {
    expect(offloadOf(logged)).toEqual({ name, rest })
  })

  it('must be finite, and there', () => {
    expect([allFinite([1, -2]), allFinite([]), allFinite([1, null]), allFinite([Number.NaN])]).toEqual([true, false, false, false])
  })
})

describe('choosing a token', () => {
  const halves = (...bits: number[]) => Uint16Array.from(bits)

  it.each([
    ['float32', Float32Array.of(-3, 2, 2, 1), 1],
    ['float32', Float32Array.of(-3, -2, -4), 1],
    // 1, 2, -2, 0.5
    ['float16', halves(0x3c00, 0x4000, 0xc000, 0x3800), 1],
    // -2, -1, -0
    ['float16', halves(0xc000, 0xbc00, 0x8000), 2],
  ])('takes the largest of %s', (type, logits, id) => {
    expect(chooseToken(logits, type)).toEqual({ id, finite: true })
  })

  it.each([
    ['float32', Float32Array.of(1, Number.NaN)],
    ['float32', Float32Array.of(1, Number.POSITIVE_INFINITY)],
    ['float32', new Float32Array(0)],
    ['float16', halves(0x3c00, 0x7e00)],
    ['float16', halves(0x3c00, 0xfc00)],
  ])('sees what is not finite in %s', (type, logits) => {
    expect(chooseToken(logits, type).finite).toBe(false)
  })
})
