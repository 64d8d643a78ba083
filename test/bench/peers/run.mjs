// Runs Ocellus and its peers side by side: node test/bench/peers/run.mjs --shape qwen2vl_2b. See ../README.md.
// OCELLUS_PEERS names a folder made by pack.mjs, for machines that have neither the packages nor a bundler.
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const here = import.meta.dirname
const packed = process.env['OCELLUS_PEERS']
const peers = packed ? resolve(packed) : here
const out = packed ? join(peers, 'bundle') : join(here, 'node_modules/.cache/bundle')
if (!packed) {
  const { bundle } = await import('./bundle.mjs')
  await bundle(out)
}
const { main } = /** @type {typeof import('./main.ts')} */ (await import(pathToFileURL(join(out, 'main.js')).href))
process.exitCode = await main(process.argv.slice(2), { root: resolve(here, '../../..'), peers, bundle: out })
