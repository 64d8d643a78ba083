import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchRow } from '../../../cli/bench-rows.ts'
import type { BenchShape } from './decoder/bench-shape.ts'
import type { BenchWork, Measurement } from './page/measurement.ts'

/** The built command line. Errors: it is not there. */
export function builtCli(root: string): string {
  const file = join(root, 'dist/cli.js')
  if (existsSync(file)) return file
  throw new Error(`${file} is not there; run: npm run build`)
}

/** Ocellus' own benchmark of this shape, in a process of its own. limit: milliseconds. Errors: what the benchmark says. */
export async function benchOcellus(root: string, shape: BenchShape, work: BenchWork, limit: number): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'ocellus-peers-'))
  try {
    const file = join(folder, 'rows.jsonl')
    const flags = {
      '--shape': shape.ocellus,
      '--contexts': work.context,
      '--output-tokens': work.tokens,
      '--prefill': work.prefill,
      '--runs': work.runs,
      // Copying warms the GPU up before anything is timed.
      '--only': 'copy,finite,decode,prefill',
      '--json': file,
    }
    const args = [builtCli(root), 'bench', '--random', ...Object.entries(flags).flatMap(([flag, value]) => [flag, String(value)])]
    // Nothing that an earlier run has left in a profile is found.
    const said = await output(args, { ...process.env, OCELLUS_CACHE: join(folder, 'cache') }, limit)
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
    if (lines.length === 0) throw new Error(said.trim().split('\n').slice(-3).join(' '))
    return measurementOf(lines.map((line) => JSON.parse(line) as BenchRow))
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

type LoadRow = Extract<BenchRow, { load_ms: number }>

/** What its rows say, as other engines say it. Errors: a part that failed, or is not there. */
export function measurementOf(rows: readonly BenchRow[]): Measurement {
  const failed = rows.find((row) => row.row === 'failed')
  if (failed) throw new Error(`ocellus bench failed at ${failed.part}: ${failed.error}`)
  const load = rows.find((row): row is LoadRow => row.row === 'load')
  const decode = rows.find((row) => row.row === 'decode')
  const prefill = rows.find((row) => row.row === 'prefill')
  const finite = rows.find((row) => row.row === 'finite')
  if (!load || !decode || !prefill) throw new Error('ocellus bench ended before all was measured')
  const { adapter, quantization, dtype } = load
  return {
    device: adapter.description || `${adapter.vendor} ${adapter.architecture}`,
    onCpu: false,
    weights: quantization === 'none' ? dtype : `${quantization}, ${dtype}`,
    decode: decode.runs,
    prefill: prefill.runs,
    answer: 'not told',
    sameRuns: decode.same_tokens,
    finite: finite?.finite === true,
    loadMs: load.load_ms,
    notes: [`${(decode.bytes_per_token / 1e6).toFixed(0)} MB a token, ${decode.gigabytes_per_second} GB/s`],
  }
}

/** What a Node process writes until it ends. Errors: it takes too long. */
export function output(args: readonly string[], env: NodeJS.ProcessEnv, limit: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    child.stdout.on('data', (data) => (text += data))
    child.stderr.on('data', (data) => (text += data))
    const timer = setTimeout(() => {
      reject(new Error(`no result within ${Math.round(limit / 1000)} s`))
      child.kill('SIGTERM')
    }, limit)
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(timer)
      resolve(text)
    })
  })
}
