import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import OpenAI, { type ClientOptions } from 'openai'
import { type CliResult, scratchFolder, startCliWith } from './run-cli.ts'

type ChromiumProcess = 'browser' | 'gpu-process' | 'renderer'

/** A running `ocellus serve`. */
export interface ServeProcess {
  /** http://127.0.0.1:PORT */
  readonly url: string
  readonly child: ChildProcess
  readonly result: Promise<CliResult>
  /** What it has written to stderr so far. */
  log(): string
  /** The `openai` client for it; it does not retry. */
  client(options?: ClientOptions): OpenAI
  /** Process ids of its Chromium: the browser itself, without its children. */
  browsers(): number[]
  /** Kills its Chromium's processes of one kind and gives their number. */
  kill(what: ChromiumProcess): number
  /** Ends it by SIGTERM and waits. */
  stop(): Promise<CliResult>
}

/** Starts `ocellus serve` on a free port, with a Chromium profile of its own, and waits until it listens. */
export async function startServe(...args: string[]): Promise<ServeProcess> {
  const cache = scratchFolder()
  const { child, result } = startCliWith({ OCELLUS_CACHE: cache }, 'serve', ...args, '--port', '0')
  let text = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr?.on('data', (data) => {
      text += data
      const address = /listening at (http:\S+)\/v1/.exec(text)?.[1]
      if (address) resolve(address)
    })
    void result.then(({ status, stderr }) => reject(new Error(`ocellus serve ended with ${status}: ${stderr}`)))
  })
  return {
    url,
    child,
    result,
    log: () => text,
    client: (options) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0, ...options }),
    browsers: () => chromiumOf(cache, 'browser'),
    kill: (what) => chromiumOf(cache, what).filter(killed).length,
    stop: () => {
      child.kill('SIGTERM')
      return result
    },
  }
}

/** Chromium's processes have its profile among their arguments, and all but the first their type. */
function chromiumOf(cache: string, type: ChromiumProcess): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    const line = commandLine(pid)
    return line.includes(`--user-data-dir=${cache}`) && (/--type=([\w-]+)/.exec(line)?.[1] ?? 'browser') === type
  })
}

/** Whether it was still there. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
