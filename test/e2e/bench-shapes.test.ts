import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BenchRow } from '../../cli/bench-rows.ts'
import { tinyShapes } from '../../cli/shapes/all-shapes.ts'
import { runCli, scratchFolder, startCliWith } from './run-cli.ts'

const folder = scratchFolder()
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
          ['load', 'copy', 'finite', 'decode', 'step', 'prefill'],
          media === 'image' ? ['media', 'media'] : ['media'],
          ['batch', 'batch', 'memory', 'end'],
        ].flat(),
      )
      expect(stdout.trimEnd().split('\n').length).toBe(rows.length)
      for (const row of rows) {
        expect(row.shape).toBe(name)
        if (row.row === 'load') expect(row.bytes).toBeGreaterThan(100_000)
        if (row.row === 'decode') expect(row.tokens_per_second).toBeGreaterThan(0)
        if (row.row === 'batch') expect(row.tokens_per_second).toBeGreaterThan(0)
        if (row.row === 'step') expect(row.bind_groups).toBe(0)
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
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as BenchRow)
    expect(rows.map(({ row }) => row)).toEqual(['load', 'finite', 'memory', 'reload', 'memory', 'end'])
    const [load, reload] = rows.flatMap((row) => (row.row === 'load' || row.row === 'reload' ? [row] : []))
    expect([reload?.bytes, reload?.convert_ms]).toEqual([load?.bytes, 0])
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
