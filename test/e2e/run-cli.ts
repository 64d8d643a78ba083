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

/** Starts `ocellus` with these arguments. */
export function startCli(...args: string[]): { child: ChildProcess; result: Promise<CliResult> } {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
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
