import { CONVERT_WORKER, serveConversions } from './convert-worker.ts'
import { keepServing } from './keep-serving.ts'
import { serveEngine } from './serve-engine.ts'

// An engine starts workers of its own script for the weights of large models.
if (self.name === CONVERT_WORKER) serveConversions(self as unknown as Parameters<typeof serveConversions>[0])
else keepServing(serveEngine())
