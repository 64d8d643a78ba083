import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BenchRow } from '../../cli/bench-rows.ts'
import { VARIANTS } from '../../cli/bench-variants.ts'
import { tinyShapes } from '../../cli/shapes/all-shapes.ts'
import type { TraceEvent } from '../../src/index.ts'
import { runCli, scratchFolder, startCliWith } from './run-cli.ts'

const folder = scratchFolder()

const rowsOf = (lines: string): BenchRow[] =>
  lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as BenchRow)

const plan = '--contexts 96 --prefill 64 --batches 1,3 --sides 56,112 --seconds 1 --output-tokens 16 --runs 1 --max-model-len 512'

describe('ocellus bench --shape', () => {
  for (const { name, media } of tinyShapes) {
    it(`loads and measures ${name} part by part, with every check holding`, async () => {
      const file = join(folder, `${name}.jsonl`)
      const { status, stdout, stderr } = await runCli('bench', '--shape', name, '--random', '--json', file, ...plan.split(' '))
      expect(status, stdout + stderr).toBe(0)
      const rows = readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as BenchRow & { shape: string })
      expect(rows.map(({ row }) => row)).toEqual(
        [
          ['run', 'load', 'copy', 'finite', 'decode', 'step', 'prefill'],
          media === 'image' ? ['media', 'media'] : ['media'],
          ['batch', 'batch', 'memory', 'end'],
        ].flat(),
      )
      expect(stdout.trimEnd().split('\n').length).toBe(rows.length)
      for (const row of rows) {
        expect(row.shape).toBe(name)
        if (row.row === 'load') expect(row.bytes).toBeGreaterThan(100_000)
        if (row.row === 'run') expect(row.command).toContain(`ocellus bench --shape ${name} --random`)
        if (row.row === 'decode') expect(Math.min(row.tokens_per_second, row.bytes_per_token, row.copy_share ?? 0)).toBeGreaterThan(0)
        if (row.row === 'batch') expect(row.tokens_per_second).toBeGreaterThan(0)
        if (row.row === 'step') expect([row.bind_groups, row.dispatches > 10, row.encode_us >= 0]).toEqual([0, true, true])
        if (row.row === 'media') expect(row.encode_ms).toBeGreaterThan(0)
        if (row.row === 'memory') expect(row.gpu_bytes_peak).toBeGreaterThanOrEqual(row.gpu_bytes)
      }
    })
  }

  it('loads a second time when asked to, and measures only the parts that are wanted', async () => {
    const [{ name }] = tinyShapes as [(typeof tinyShapes)[number]]
    const OCELLUS_CACHE = mkdtempSync(join(tmpdir(), 'ocellus-cache-'))
    const asked = ['bench', '--shape', name, '--random', '--json', '--only', 'finite', '--reload']
    const { status, stdout, stderr } = await startCliWith({ OCELLUS_CACHE }, ...asked).result
    expect(status, stderr).toBe(0)
    const rows = rowsOf(stdout)
    expect(rows.map(({ row }) => row)).toEqual(['run', 'load', 'finite', 'memory', 'reload', 'memory', 'end'])
    const [load, reload] = rows.flatMap((row) => (row.row === 'load' || row.row === 'reload' ? [row] : []))
    expect([reload?.bytes, reload?.convert_ms]).toEqual([load?.bytes, 0])
    // What was kept for the second load is gone with its profile.
    expect(readdirSync(OCELLUS_CACHE)).toEqual([])
  })

  it('times kernels, counts their bytes, and writes a trace of them', async () => {
    const [{ name }] = tinyShapes as [(typeof tinyShapes)[number]]
    const file = join(folder, 'trace.json')
    const asked = `bench --shape ${name} --random --json --only decode --contexts 96 --output-tokens 16 --runs 1 --trace`
    const { status, stdout, stderr } = await runCli(...asked.split(' '), file)
    expect(status, stderr).toBe(0)
    const rows = rowsOf(stdout)
    expect(rows.map(({ row }) => row)).toEqual(['run', 'load', 'decode', 'kernels', 'memory', 'end'])
    const [kernels = {}] = rows.flatMap((row) => (row.row === 'kernels' ? [row.kernels] : []))
    expect(Object.keys(kernels).length).toBeGreaterThan(8)
    for (const { calls, milliseconds, bytes } of Object.values(kernels)) expect(Math.min(calls, milliseconds, bytes)).toBeGreaterThan(0)
    const { traceEvents } = JSON.parse(readFileSync(file, 'utf8')) as { traceEvents: TraceEvent[] }
    const slices = traceEvents.filter(({ ph }) => ph === 'X')
    const tracks = traceEvents.filter((event) => event.name === 'thread_name').map(({ tid, args }) => [args?.['name'], tid])
    const onTrack = (track: string) => slices.filter(({ tid }) => tid === Object.fromEntries(tracks)[track])
    // Warm-up is in the trace and not in the table.
    for (const [kernel, { calls }] of Object.entries(kernels)) {
      expect(onTrack('GPU: kernels').filter((event) => event.name === kernel).length).toBeGreaterThanOrEqual(calls)
    }
    const submits = onTrack('CPU: encode and submit')
    expect(submits.some((event) => event.name === 'decode of 1')).toBe(true)
    expect(onTrack('CPU: wait for results').length).toBe(submits.length)
    // Nothing runs before the first submit, and everything has a length.
    expect(Math.min(...onTrack('GPU: steps').map(({ ts }) => ts))).toBeGreaterThanOrEqual(Math.min(...submits.map(({ ts }) => ts)))
    expect(slices.every(({ ts, dur = -1 }) => Number.isFinite(ts) && dur >= 0)).toBe(true)
  })

  it('says what is missing where there are no timestamps', async () => {
    const asked = 'bench --shape tiny_qwen2vl_2b --random --only finite --profile --disable-features timestamp-query'
    const { status, stdout, stderr } = await runCli(...asked.split(' '))
    expect(status).toBe(1)
    expect(stdout + stderr).toContain('profile needs the timestamp-query feature, which this adapter or browser does not offer')
  })

  it('measures again without features that the adapter has', async () => {
    const [{ name }] = tinyShapes as [(typeof tinyShapes)[number]]
    const asked = `bench --shape ${name} --random --json --only decode --contexts 96 --output-tokens 16 --runs 1 --compare-features`
    const { status, stdout, stderr } = await runCli(...asked.split(' '))
    expect(status, stderr).toBe(0)
    const rows = rowsOf(stdout) as (BenchRow & { variant: string })[]
    const [all] = rows.flatMap((row) => (row.row === 'load' ? [row] : []))
    for (const { name: variant, needs, without } of VARIANTS) {
      const own = rows.filter((row) => row.variant === variant)
      if (needs && !all?.adapter.features.includes(needs)) expect(own.map(({ row }) => row)).toEqual(['skipped'])
      else expect(own.map(({ row }) => row)).toEqual(['run', 'load', 'decode', 'memory', 'end'])
      for (const row of own) if (row.row === 'load') for (const feature of without) expect(row.adapter.features).not.toContain(feature)
    }
    expect(new Set(rows.map(({ variant }) => variant)).size).toBe(VARIANTS.length)
  })

  it('refuses flags that go together with shapes only, or not with each other', async () => {
    for (const asked of [
      'bench --reload',
      'bench --compare-features',
      'bench --shape tiny_qwen2vl_2b --random --compare-features --trace t.json',
    ]) {
      const { status, stderr } = await runCli(...asked.split(' '))
      expect(status, asked).toBe(2)
      expect(stderr).toMatch(/--shape|without --compare-features/)
    }
  })

  it('names the shapes that there are, and asks for --random', async () => {
    const unknown = await runCli('bench', '--shape', 'qwen3', '--random')
    expect(unknown.status).toBe(2)
    expect(unknown.stderr).toContain('must be one of qwen2vl_2b, llava_7b, phi35v, minicpm_8b, ultravox_8b')
    const weightless = await runCli('bench', '--shape', 'qwen2vl_2b')
    expect(weightless.status).toBe(2)
    expect(weightless.stderr).toContain('add --random')
  })
})
