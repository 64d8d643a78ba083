import { join } from 'node:path'
import { embeddedDecoder, embeddedPrompt, exportDecoder } from './embedded.ts'
import { builtCli } from './ocellus-child.ts'
import type { BenchWork, Measurement } from './page/measurement.ts'
import type { OcellusWork } from './page/ocellus-page.ts'
import type { TransformersWork } from './page/transformers-page.ts'
import { EMBEDDED } from './peer-flags.ts'
import { findPackage, transformersOrt } from './peer-packages.ts'
import type { PeerName } from './peer-row.ts'
import { type PeerRuns, transformersModel } from './peer-run.ts'

/** One way to run the embedded model. */
export interface EmbeddedRun {
  readonly name: PeerName
  /** Whether its answer must be that of Ocellus: the same weights in the same precision. */
  readonly exact: boolean
  /** limit: milliseconds. */
  run(limit: number): Promise<Measurement>
}

/** How transformers.js runs it: device, its name for the weights, and threads where they are not its own choice. */
type Way = Pick<TransformersWork, 'device' | 'dtype' | 'threads'>

/** Ocellus with the embedded model, in a page as others have it. */
export function embeddedOcellus(runs: PeerRuns, version: string, work: BenchWork): EmbeddedRun {
  const { root } = runs.places
  builtCli(root)
  const model = join(root, 'public/models', EMBEDDED)
  const asked: OcellusWork = {
    ...work,
    library: runs.mount(join(root, 'dist')),
    model: runs.mount(model),
    // One sequence at a time, as the peers have it; all else as it comes.
    options: {},
    promptIds: promptsOf(model, work),
  }
  return { name: { engine: 'Ocellus', version, mode: '' }, exact: true, run: (limit) => runs.page('ocellus-page', asked, limit) }
}

/** transformers.js with the same weights as ONNX: on wasm with the threads that it takes by itself, with all, in 8 and 4 bits; and on WebGPU. */
export async function embeddedPeers(
  runs: PeerRuns,
  devices: readonly Way['device'][],
  threads: number,
  work: BenchWork,
): Promise<EmbeddedRun[]> {
  const { folder, version } = findPackage(runs.places, 'transformers')
  const model = join(runs.places.root, 'public/models', EMBEDDED)
  const positions = Math.max(work.context, work.prefill) + 1
  const files = {
    'model.onnx': await exportDecoder(model, 'float', positions),
    'model_quantized.onnx': await exportDecoder(model, 'q8', positions),
    'model_q4.onnx': await exportDecoder(model, 'q4', positions),
  }
  const address = runs.publish(transformersModel(embeddedDecoder(model), files))
  const promptIds = promptsOf(model, work)
  const wasm: Way[] = [
    { device: 'wasm', dtype: 'fp32' },
    { device: 'wasm', dtype: 'fp32', threads },
    // What transformers.js takes on wasm if nothing is said.
    { device: 'wasm', dtype: 'q8' },
    { device: 'wasm', dtype: 'q4' },
  ]
  const ways: Way[] = [...wasm, { device: 'webgpu', dtype: 'fp32' }]
  return ways
    .filter(({ device }) => devices.includes(device))
    .map((way) => {
      const asked: TransformersWork = {
        ...work,
        ...way,
        transformers: runs.mount(join(folder, 'dist')),
        ort: runs.mount(transformersOrt(runs.places)),
        model: address,
        promptIds,
      }
      const mode = way.device === 'webgpu' ? 'webgpu' : way.threads === undefined ? 'wasm, as it comes' : `wasm, ${threads} threads`
      const name = { engine: 'transformers.js', version, mode }
      return { name, exact: way.dtype === 'fp32', run: (limit: number) => runs.page('transformers-page', asked, limit) }
    })
}

const promptsOf = (model: string, { context, tokens, prefill }: BenchWork): OcellusWork['promptIds'] => ({
  prefill: embeddedPrompt(model, prefill),
  decode: embeddedPrompt(model, context - tokens),
})
