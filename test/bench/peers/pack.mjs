// Packs what this benchmark needs of its packages, and its bundled scripts, for a machine with a GPU but without a network:
//   node test/bench/peers/pack.mjs OUT.tar.xz
// There: unpack it beneath a folder whose node_modules has Playwright, and set OCELLUS_PEERS to the unpacked folder `peers`.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { bundle } from './bundle.mjs'

/** Files and folders of node_modules that are read; those marked with a question mark only if they are there. */
const needed = [
  'onnxruntime-web/package.json',
  'onnxruntime-web/dist/ort.jspi.min.mjs',
  'onnxruntime-web/dist/ort-wasm-simd-threaded.jspi.mjs',
  'onnxruntime-web/dist/ort-wasm-simd-threaded.jspi.wasm',
  '@wllama/wllama/package.json',
  '@wllama/wllama/esm/index.js',
  '@wllama/wllama/esm/wasm/wllama.wasm',
  '@huggingface/transformers/package.json',
  '@huggingface/transformers/dist/transformers.min.js',
  '@huggingface/transformers/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs',
  '@huggingface/transformers/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm',
  '?@fugood/llama.node/package.json',
  '?@fugood/llama.node/lib',
  '?@fugood/node-llama-linux-x64-vulkan',
]

const [out] = process.argv.slice(2)
if (out === undefined) {
  console.error('Name the file to write: node test/bench/peers/pack.mjs OUT.tar.xz')
  process.exit(2)
}
const modules = join(import.meta.dirname, 'node_modules')
const work = mkdtempSync(join(tmpdir(), 'ocellus-pack-'))
try {
  const peers = join(work, 'peers')
  await bundle(join(peers, 'bundle'))
  for (const entry of needed) {
    const name = entry.replace('?', '')
    const from = join(modules, name)
    if (!existsSync(from)) {
      if (entry.startsWith('?')) continue
      throw new Error(`${from} is not there; run: npm ci --prefix test/bench/peers`)
    }
    mkdirSync(dirname(join(peers, 'node_modules', name)), { recursive: true })
    cpSync(from, join(peers, 'node_modules', name), { recursive: true })
  }
  const { status } = spawnSync('tar', ['-C', work, '-cJf', resolve(out), 'peers'], {
    stdio: 'inherit',
    env: { ...process.env, XZ_OPT: '-6 -T1' },
  })
  if (status !== 0) throw new Error(`tar ended with ${status}`)
  console.log(`${out}: ${(statSync(out).size / 1e6).toFixed(1)} MB`)
} finally {
  rmSync(work, { recursive: true, force: true })
}
