import { serveEngine } from '../../src/worker/serve-engine.ts'

// An address that never answers, for what is to happen while a file is awaited.
const { fetch } = self
self.fetch = (input, init) =>
  String(input).endsWith('/never-answers')
    ? new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)))
    : fetch(input, init)

// One engine per port: starting a worker for each would take most of a test's time.
self.onmessage = ({ ports: [port] }: MessageEvent) => {
  if (port) serveEngine(port)
}
