import { serveEngine } from '../../src/worker/serve-engine.ts'

// One engine per port: starting a worker for each would take most of a test's time.
self.onmessage = ({ ports: [port] }: MessageEvent) => {
  if (port) serveEngine(port)
}
