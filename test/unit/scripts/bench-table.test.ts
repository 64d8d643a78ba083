import { describe, expect, it } from 'vitest'
import { figures, intoMarks } from '../../../scripts/bench-table/figures.mjs'
import { shown, table } from '../../../scripts/bench-table/rows.mjs'

const at = { shape: 'qwen2vl_2b' }
const adapter = { vendor: 'nvidia', architecture: '', description: 'NVIDIA H200', software: false, features: ['subgroups'] }
const times = { load_ms: 20_300, fetch_ms: 8000, convert_ms: 11_000, upload_ms: 1300, bytes: 4.4e9, gpu_bytes: 3.1e9 }
const decode = { row: 'decode', context: 1024, runs: [], bytes_per_token: 9e8, same_tokens: true }

/** What a run leaves, in part. */
const rows = [
  {
    ...at,
    row: 'run',
    date: '2026-11-24T03:00:00Z',
    command: 'ocellus bench --shape qwen2vl_2b --random --json /root/a/2b.jsonl',
    browser: 'Chromium 156',
    machine: '16 × CPU, linux',
  },
  { ...at, row: 'load', adapter, dtype: 'float16', quantization: 'q4', max_model_len: 4096, ...times },
  { ...at, ...decode, tokens_per_second: 812.4, gigabytes_per_second: 731, copy_share: 0.216 },
  { ...at, row: 'prefill', tokens: 1024, tokens_per_second: 21_000, runs: [], same_tokens: true },
  {
    ...at,
    row: 'media',
    item: 'image 896×896',
    tokens: 1040,
    encode_ms: 41.2,
    first_token_ms: 120,
    again_first_token_ms: 60,
    same_tokens: true,
  },
  { ...at, row: 'batch', sequences: 1, tokens_per_second: 800, same: 1, ties: 0 },
  { ...at, row: 'batch', sequences: 16, tokens_per_second: 4000, same: 15, ties: 0 },
  { ...at, row: 'memory', gpu_bytes: 3.1e9, gpu_bytes_peak: 3.4e9, worker_bytes: 9e7, process_bytes: null },
  // With a profile the same is slower, and only its kernels count.
  { ...at, profile: true, ...decode, tokens_per_second: 300, gigabytes_per_second: 270, copy_share: 0.08 },
  {
    ...{ ...at, profile: true, row: 'kernels', of: 'decode 1024' },
    kernels: { norm: { calls: 10, milliseconds: 1, bytes: 1e6 }, 'matvec-q4': { calls: 10, milliseconds: 3, bytes: 6e9 } },
  },
  { ...at, variant: 'without subgroups', ...decode, tokens_per_second: 400, gigabytes_per_second: 360, copy_share: 0.1 },
  { ...at, variant: 'without shader-f16', row: 'skipped', reason: 'this adapter has no shader-f16' },
]

const peer = {
  date: '2026-11-24T03:10:00Z',
  shape: 'qwen2vl_2b',
  context: 1152,
  prefill_tokens: 1024,
  device: 'NVIDIA H200',
  weights: 'q4',
}
const peers = [
  { ...peer, engine: 'Ocellus', version: '0.1.0', mode: '', decode_tokens_per_second: 800, prefill_tokens_per_second: 21_000 },
  { ...peer, engine: 'wllama', version: '3.8.1', mode: '', decode_tokens_per_second: 50, wrong: ['answers differ between runs'] },
  { ...peer, engine: 'onnxruntime-web', version: '1.30.0', mode: 'capture', decode_tokens_per_second: 98 },
  { ...peer, engine: 'transformers.js', version: '4.3.1', mode: '', problem: 'no memory\n  at all' },
]

/** The lines of a section. */
function section(title: string, lines: readonly unknown[]): string[] {
  const text = figures(lines)
  const [, after = ''] = text.split(`### ${title}\n\n`)
  return (after.split('\n\n### ')[0] ?? '').split('\n')
}

describe('tables of benchmarks', () => {
  it('hold measurements against their targets and the best peer that ran right', () => {
    expect(section('Targets', [...rows, ...peers])).toEqual([
      '| target | wanted | measured | met | best peer |',
      '|---|---:|---:|---:|---:|',
      '| decode at 1024, Qwen2-VL-2B | ≥ 800 tok/s | 812 tok/s | yes | 98.0 (onnxruntime-web, capture) |',
      '| prefill of 1024, Qwen2-VL-2B | ≥ 26 000 tok/s | 21 000 tok/s | no | – |',
      '| encode a picture of 1024 tokens, Qwen2-VL-2B | ≤ 60 ms | 41.2 ms | yes | – |',
      '| batch 16 over batch 1, Qwen2-VL-2B | ≥ 6 × | 5.0 × | no | – |',
    ])
  })

  it('show every variant, and nothing of a run with a profile but its kernels', () => {
    expect(section('Text', rows)).toEqual([
      '| tokens a second | decode at 1024 | GB/s | of copying | prefill 1024 | batch 1 | batch 16 |',
      '|---|---:|---:|---:|---:|---:|---:|',
      '| qwen2vl_2b | 812 | 731 | 21.6 % | 21 000 | 800 | 4000 |',
      '| qwen2vl_2b, without subgroups | 400 | 360 | 10.0 % | – | – | – |',
    ])
    expect(section('Where the time goes', rows)).toEqual([
      'qwen2vl_2b, decode 1024: 4.0 ms',
      '',
      '| kernel | share | calls | µs each | GB/s |',
      '|---|---:|---:|---:|---:|',
      '| matvec-q4 | 75.0 % | 10 | 300.0 | 2000 |',
      '| norm | 25.0 % | 10 | 100.0 | 1.0 |',
    ])
  })

  it('show how loading went, and what was typed, where and when', () => {
    expect(section('Loading and memory', rows)[2]).toBe(
      '| qwen2vl_2b | 20.3 s | 8.0 s | 11.0 s | 1.3 s | 4400 MB | 3100 MB | 3400 MB | 90 MB |',
    )
    expect(section('What was run', [...rows, ...peers]).slice(2)).toEqual([
      '| `ocellus bench --shape qwen2vl_2b --random --json 2b.jsonl` | 2026-11-24 | NVIDIA H200 | Chromium 156 | 16 × CPU, linux |',
      '| `test/bench/peers` | 2026-11-24 | (see the table) | – | – |',
    ])
  })

  it('show other engines with ratios', () => {
    expect(section('Other engines', peers).slice(4)).toEqual([
      '| Ocellus 0.1.0 | q4 | NVIDIA H200 | 800 | – | 21 000 | – |',
      '| wllama 3.8.1 | q4 | NVIDIA H200 | 50.0 | 16.0 × | – | – |',
      '| onnxruntime-web 1.30.0, capture | q4 | NVIDIA H200 | 98.0 | 8.16 × | – | – |',
      '| transformers.js 4.3.1 | q4 | NVIDIA H200 | – | – | – | – |',
    ])
  })

  it('say what did not hold', () => {
    expect(section('What did not hold', [...rows, ...peers])).toEqual([
      '- qwen2vl_2b, batch 16: 1 answers are not those of the prompts alone',
      '- qwen2vl_2b, without shader-f16: not measured, this adapter has no shader-f16',
      '- qwen2vl_2b, wllama: answers differ between runs',
      '- qwen2vl_2b, transformers.js: did not run, no memory',
    ])
    expect(figures(rows.slice(0, 3))).not.toContain('What did not hold')
  })

  it('go between the marks of a document', () => {
    const document = 'before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n'
    expect(intoMarks(document, 'new')).toBe('before\n<!-- figures -->\n\nnew\n\n<!-- /figures -->\nafter\n')
    expect(() => intoMarks('no marks', 'new')).toThrow('<!-- figures -->')
  })

  it('write numbers for people', () => {
    expect([shown(3.06), shown(99.96), shown(1234.5), shown(26_000), shown(1_234_567), shown(undefined), shown(Number.NaN)]).toEqual([
      ...['3.1', '100.0', '1235', '26 000', '1 234 567', '–', '–'],
    ])
    expect(table(['a', 'b'], [['x|y', '1']])).toBe('| a | b |\n|---|---:|\n| x\\|y | 1 |')
  })
})
