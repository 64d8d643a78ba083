import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { MemoryWatch, workerTime } from '../../../cli/bench-memory.ts'
import { rowSink } from '../../../cli/bench-rows.ts'
import { jsonToFile, planOf } from '../../../cli/bench-shape-flags.ts'

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
  it('go to the file one by one, in place of what an earlier run left there', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'ocellus-rows-')), 'rows.jsonl')
    writeFileSync(file, 'old\n')
    const said: string[] = []
    const sink = rowSink('phi35v', file, (line) => said.push(line), false)
    sink({ row: 'copy', gigabytes_per_second: 4000.5 })
    expect(readFileSync(file, 'utf8')).toBe('{"shape":"phi35v","row":"copy","gigabytes_per_second":4000.5}\n')
    sink({ row: 'failed', part: 'batch', error: 'it broke' })
    expect(readFileSync(file, 'utf8').split('\n').length).toBe(3)
    expect(said).toEqual(['copy            4001 GB/s', 'FAILED batch: it broke'])
  })
})

describe('memory and time of the worker', () => {
  it('are unknown where there is no browser', () => {
    expect(workerTime()).toBe(undefined)
    expect(new MemoryWatch().peak()).toEqual({ worker_bytes: null, process_bytes: null })
  })
})
