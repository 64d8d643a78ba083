// Makes sure that a Chromium with WebGPU is there: finds one, else installs one. Says what it did.
import { resolve } from 'node:path'
import { runnerImport } from 'vite'

const file = resolve(import.meta.dirname, '../cli/chromium.ts')
// Node 20 does not read TypeScript; Vite does.
const imported = await runnerImport(file, { configFile: false, logLevel: 'error' })
const module = /** @type {typeof import('../cli/chromium.ts')} */ (imported.module)

try {
  let found = module.findChromium()
  if (found) console.log(`Chromium is there: ${found.path} (${found.source}).`)
  else {
    console.log('No Chromium found; installing one.')
    found = await module.installChromium((line) => console.log(line))
    console.log(`Chromium was installed: ${found.path} (${found.source}).`)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
