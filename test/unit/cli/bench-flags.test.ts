import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MemoryWatch, workerTime } from '../../../cli/bench-memory.ts'
import { rowSink } from '../../../cli/bench-rows.ts'
import { jsonToFile, planOf } from '../../../cli/bench-shape-flags.ts'
import { VARIANTS } from '../../../cli/bench-variants.ts'
import { DISABLEABLE } from '../../../src/gpu/device.ts'

describe('flags of bench', () => {
  it('reads --json with a file and without one', () => {
    const cases: [string[], string[]][] = [
      [['--json'], ['--json']],
      [
        ['--json', '--runs', '2'],
        ['--json', '--runs', '2'],
      ],
      [
        ['--json', 'out.jsonl', '--runs', '2'],
        ['--json-file', 'out.jsonl', '--runs', '2'],
      ],
      [['--json=a=b.jsonl'], ['--json-file=a=b.jsonl']],
    ]
    for (const [given, expected] of cases) expect(jsonToFile(given)).toEqual(expected)
  })

  it('leaves out contexts that an answer would fill', () => {
    expect(planOf({}).contexts).toEqual([128, 1024, 4096])
    expect(planOf({ 'output-tokens': '256' }).contexts).toEqual([1024, 4096])
    expect(() => planOf({ contexts: '64' })).toThrow('--contexts is')
    expect(planOf({ contexts: '65,80', batches: '2', seconds: '3', sides: '56' })).toMatchObject({
      contexts: [65, 80],
      batches: [2],
      seconds: [3],
      sides: [56],
    })
  })
})

describe('rows of bench', () => {
  it('go to the file one by one, behind what stands there', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'ocellus-rows-')), 'rows.jsonl')
    writeFileSync(file, 'old\n')
    const said: string[] = []
    const sink = rowSink({ shape: 'phi35v', variant: 'without subgroups' }, file, (line) => said.push(line), false)
    sink({ row: 'copy', gigabytes_per_second: 4000.5, by_kernel: 4000.5, by_command: 99 })
    const [old, line] = readFileSync(file, 'utf8').split('\n')
    expect(old).toBe('old')
    expect(line).toBe(
      '{"shape":"phi35v","variant":"without subgroups","row":"copy","gigabytes_per_second":4000.5,"by_kernel":4000.5,"by_command":99}',
    )
    sink({ row: 'failed', part: 'batch', error: 'it broke' })
    expect(readFileSync(file, 'utf8').split('\n').length).toBe(4)
    expect(said).toEqual(['copy            4001 GB/s (by a kernel 4001, by command 99.0)', 'FAILED batch: it broke'])
  })

  it('say how much of copying decoding reaches', () => {
    const said: string[] = []
    const sink = rowSink({}, undefined, (line) => said.push(line), false)
    const row = { row: 'decode' as const, context: 1024, tokens_per_second: 812.3, runs: [812.3], bytes_per_token: 9e8, same_tokens: true }
    sink({ ...row, gigabytes_per_second: 731, copy_share: 0.216 })
    sink({ ...row, gigabytes_per_second: 731, copy_share: null, same_tokens: false })
    expect(said[0]).toMatch(/^decode 1024 +812 tokens\/s \(.* a token, 731 GB\/s, 22 % of copying\)$/)
    expect(said[1]).toMatch(/731 GB\/s\) +RUNS DIFFER$/)
  })
})

describe('variants of --compare-features', () => {
  it('leave out features by names that the engine knows, and matrices with what they need', () => {
    const [all, ...less] = VARIANTS
    expect(all?.without).toEqual([])
    for (const { without, needs } of less) {
      expect(without).toContain('subgroup-matrix')
      expect(without.every((name) => DISABLEABLE.includes(name))).toBe(true)
      expect(needs === undefined || DISABLEABLE.includes(needs)).toBe(true)
    }
  })
})

describe('memory and time of the worker', () => {
  it('are unknown where there is no browser', () => {
    expect(workerTime()).toBe(undefined)
    expect(new MemoryWatch().peak()).toEqual({ worker_bytes: null, process_bytes: null })
  })
})
