#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bench } from './bench.ts'
import { cache } from './cache.ts'
import { describeMedia } from './describe.ts'
import { runBatch } from './run-batch.ts'
import { serve } from './serve.ts'
import type { Session } from './session.ts'
import { clearBar, log, red } from './terminal.ts'
import { UsageError } from './usage.ts'

const help = `ocellus: multimodal models in a headless browser, on WebGPU

  ocellus describe FILE…                      says what pictures and clips show and what is said in sounds
  ocellus serve MODEL                         answers OpenAI's HTTP interface
  ocellus run-batch -i IN.jsonl -o OUT.jsonl  answers a file of OpenAI requests
  ocellus bench                               measures a model on this machine
  ocellus cache                               lists models that are kept on this machine, or clears them

  ocellus COMMAND --help, ocellus --version

Exit status: 0 done, 1 failed, 2 not understood.`

type Command = (args: readonly string[], onSession: (session: Session) => void) => Promise<number>

const commands: Readonly<Record<string, Command>> = { describe: describeMedia, serve, 'run-batch': runBatch, bench, cache }

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    console.log(help)
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v') {
    console.log((JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { version: string }).version)
    return 0
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!command) throw new UsageError(`There is no command '${name}'; there are ${Object.keys(commands).join(', ')}.`)
  // It has answers to finish when a signal comes.
  return command === serve ? serve(args) : runClosing(command, args)
}

/** Whether a signal has asked us to end; what then fails is not worth a word. */
let stopping = false

/** Runs a command; its browser is closed however it ends, Ctrl-C included. */
async function runClosing(command: Command, args: readonly string[]): Promise<number> {
  let session: Session | undefined
  const stop = (status: number) => (): void => {
    stopping = true
    clearBar()
    void Promise.resolve(session?.close()).finally(() => process.exit(status))
  }
  process.once('SIGINT', stop(130))
  process.once('SIGTERM', stop(143))
  try {
    return await command(args, (opened) => {
      session = opened
    })
  } finally {
    await session?.close()
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const { name, message } = error as Error
  if (!stopping)
    log(red(`ocellus: ${name === 'Error' || name === 'UsageError' || name === 'EngineGoneError' ? '' : `${name}: `}${message}`))
  if (error instanceof UsageError)
    log(`See ocellus ${process.argv[2] !== undefined && Object.hasOwn(commands, process.argv[2]) ? `${process.argv[2]} ` : ''}--help.`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
