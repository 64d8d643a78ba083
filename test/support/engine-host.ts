const host = new Worker(new URL('./engine-host.worker.ts', import.meta.url), { type: 'module' })

/** A fresh engine in a worker that all of a file's tests share, for LLM.create's `worker`: for the many loads that fail early. */
export function hostedEngine(): Worker {
  const { port1, port2 } = new MessageChannel()
  host.postMessage(null, [port2])
  // As far as an LLM uses a worker it does not own, a port is one.
  return port1 as unknown as Worker
}
