// Requests answered by the command line's batch runner, for the scripts that evaluate models.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..')

/** @typedef {{ custom_id: string, url: string, body: object }} Request */

/**
 * The command's first argument as a folder, its own flags, and those for run-batch, which come after `--`.
 * @param {string[]} names of flags, each with a value
 */
export function readArguments(names) {
  const split = process.argv.indexOf('--')
  const { values, positionals } = parseArgs({
    args: process.argv.slice(2, split < 0 ? undefined : split),
    allowPositionals: true,
    options: Object.fromEntries(names.map((name) => [name, { type: /** @type {const} */ ('string') }])),
  })
  return { folder: resolve(positionals[0] ?? '.'), values, passed: split < 0 ? [] : process.argv.slice(split + 1) }
}

/** @param {string} file @returns {any[]} */
export const readLines = (file) =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line))

/**
 * The answers' bodies by custom_id; requests may name files of `folder`. Ends the process where the runner fails.
 * @param {Request[]} requests
 * @param {{ folder: string, output?: string | undefined, flags: string[] }} options output: a new file by default
 * @returns {{ answers: Map<string, any>, output: string, seconds: number }}
 */
export function answerBatch(requests, { folder, output, flags }) {
  const work = mkdtempSync(join(tmpdir(), 'ocellus-evaluation-'))
  const input = join(work, 'in.jsonl')
  const out = output ?? join(work, 'out.jsonl')
  writeFileSync(input, requests.map((request) => `${JSON.stringify({ method: 'POST', ...request })}\n`).join(''))
  const started = Date.now()
  const args = ['run-batch', '-i', input, '-o', out, '--allowed-local-media-path', folder, ...flags]
  const run = spawnSync(process.execPath, [join(ROOT, 'dist/cli.js'), ...args], { stdio: 'inherit' })
  if (run.status !== 0) process.exit(run.status ?? 1)
  const answers = new Map(readLines(out).map(({ custom_id, response }) => [custom_id, response?.body]))
  return { answers, output: out, seconds: (Date.now() - started) / 1000 }
}
