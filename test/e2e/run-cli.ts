import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cli } from './places.ts'

/** How a command ended and what it wrote. */
export interface CliResult {
  status: number | null
  stdout: string
  stderr: string
}

/** Chromium profiles of these tests, apart from the user's. */
export const testCache = join(tmpdir(), 'ocellus-test-cache')

/** Starts `ocellus` with these arguments. */
export function startCli(...args: string[]): { child: ChildProcess; result: Promise<CliResult> } {
  return startCliWith({}, ...args)
}

/** Starts `ocellus` with these arguments and further variables of the environment. */
export function startCliWith(env: Record<string, string>, ...args: string[]): { child: ChildProcess; result: Promise<CliResult> } {
  const child = spawn(process.execPath, [cli, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OCELLUS_CACHE: testCache, ...env },
  })
  const result: CliResult = { status: null, stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (result.stdout += data))
  child.stderr.on('data', (data) => (result.stderr += data))
  const ended = new Promise<CliResult>((resolve) => child.on('close', (status) => resolve({ ...result, status })))
  return { child, result: ended }
}

/** Runs `ocellus` to its end. */
export const runCli = (...args: string[]): Promise<CliResult> => startCli(...args).result

/** A folder for one test file's output. */
export const scratchFolder = (): string => mkdtempSync(join(tmpdir(), 'ocellus-'))
