import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ModelInfo } from '../src/index.ts'
import { EngineHost } from './engine-host.ts'
import { createFront } from './http-front.ts'
import { readServeFlags, type ServeOptions, serveHelp } from './serve-flags.ts'
import { openSession, type Session } from './session.ts'
import { announce, clearBar, grey, loadingBar, log } from './terminal.ts'

/** Runs the command until a signal ends it, and gives the exit status. Errors: UsageError, what keeps the model from being loaded. */
export async function serve(args: readonly string[]): Promise<number> {
  const options = readServeFlags(args)
  if (!options) {
    console.log(serveHelp)
    return 0
  }
  // Before the model is loaded, which may take long.
  await listen(createServer(), options).then(closeServer)
  const ending = new Ending()
  const host = new EngineHost({ open: (signal) => openModel(options, signal), log, onFailed: ending.fail })
  const { keys, origins, policy, logRequests } = options
  const front = createFront({
    host,
    policy,
    keys,
    origins,
    log: logRequests ? (line) => log(grey(line)) : undefined,
  })
  try {
    const info = await ending.orBefore(host.start())
    if (info) {
      await listen(front, options)
      greet(info, front, options)
      await ending.ended
      await ending.orAgain(drain(front, options.patience))
    }
  } finally {
    clearBar()
    // Answers that are still under way end with an error that says why.
    await host.close()
    await new Promise((resolve) => setImmediate(resolve))
    front.closeAllConnections()
    front.close()
    ending.forget()
  }
  return 0
}

/** Ends the server: a signal, a second one that will not wait, or an engine that cannot be kept alive. */
class Ending {
  /** Resolves at the first signal. Errors: those of fail(). */
  readonly ended: Promise<void>
  readonly #again: Promise<void>
  #signal: () => void = () => {}
  #hurry: () => void = () => {}
  #fail: (error: Error) => void = () => {}
  #signals = 0

  constructor() {
    this.ended = new Promise((resolve, reject) => {
      this.#signal = resolve
      this.#fail = reject
    })
    this.ended.catch(() => {})
    this.#again = new Promise((resolve) => {
      this.#hurry = resolve
    })
    for (const name of signals) process.on(name, this.#onSignal)
  }

  readonly fail = (error: Error): void => this.#fail(error)

  /** What `work` gives; undefined when a signal comes before. */
  orBefore<T>(work: Promise<T>): Promise<T | undefined> {
    work.catch(() => {})
    return Promise.race([work, this.ended.then(() => undefined)])
  }

  /** Resolves with `work`, or at the second signal. */
  orAgain(work: Promise<void>): Promise<void> {
    return Promise.race([work, this.#again])
  }

  forget(): void {
    for (const name of signals) process.off(name, this.#onSignal)
  }

  readonly #onSignal = (): void => {
    this.#signals++
    clearBar()
    if (this.#signals === 1) {
      log('Shutting down; a second signal ends the answers under way.')
      this.#signal()
    } else this.#hurry()
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

async function openModel({ session }: ServeOptions, signal: AbortSignal): Promise<Session> {
  const opened = await openSession({ ...session, signal, onProgress: loadingBar(session.model), log })
  clearBar()
  return opened
}

/** Errors: one that says what to do about a port that cannot be had. */
function listen(server: Server, { host, port }: ServeOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = reasons[error.code ?? ''] ?? error.message
      reject(new Error(`Port ${port} of ${host} cannot be listened at: ${reason}`))
    })
    server.listen(port, host, () => resolve(server))
  })
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'it is in use. Name another with --port, or end what uses it.',
  EACCES: 'this user may not. Name one of 1024 or more with --port.',
  EADDRNOTAVAIL: 'this machine does not have that address. Name another with --host.',
  ENOTFOUND: 'there is no such host. Name another with --host.',
}

const closeServer = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))

function greet(info: ModelInfo, front: Server, { names, keys }: ServeOptions): void {
  announce(info)
  const { address, port, family } = front.address() as AddressInfo
  const shown = address === '0.0.0.0' || address === '::' ? 'localhost' : family === 'IPv6' ? `[${address}]` : address
  const url = `http://${shown}:${port}`
  const body = { model: names[0], messages: [{ role: 'user', content: 'Hello!' }] }
  const key = keys.length > 0 ? ` -H 'Authorization: Bearer KEY'` : ''
  log(`Ocellus is listening at ${url}/v1 (Ctrl-C ends it). Try:`)
  log(`  curl ${url}/v1/chat/completions${key} -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`)
}

/** Stops accepting; resolves when the last answer is out, or when patience is. */
async function drain(front: Server, patience: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patience)
  })
  await Promise.race([closeServer(front), late])
  clearTimeout(timer)
}
