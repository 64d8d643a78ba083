import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasGpu } from '../../../cli/chromium.ts'
import type { BenchShape } from './decoder/bench-shape.ts'
import { decoderGraph } from './decoder/decoder-graph.ts'
import { ggufDecoder } from './decoder/gguf-decoder.ts'
import { RandomWeights } from './decoder/random-weights.ts'
import { encodeOnnx } from './formats/onnx.ts'
import { type IsolatedServer, startIsolatedServer } from './isolated-server.ts'
import { NATIVE_RESULT, type NativeWork } from './native-work.ts'
import { output } from './ocellus-child.ts'
import { type BenchWork, type Measurement, promptIds } from './page/measurement.ts'
import type { OrtMode, OrtWork } from './page/ort-page.ts'
import type { TransformersWork } from './page/transformers-page.ts'
import type { WllamaWork } from './page/wllama-page.ts'
import { PEER_PAGE, runPage } from './page-run.ts'
import type { Configuration } from './peer-flags.ts'
import { findPackage, type PeerId, type Places, transformersOrt } from './peer-packages.ts'
import type { PeerName } from './peer-row.ts'

/** Runs peers, each by itself, and keeps what they share. */
export class PeerRuns {
  readonly places: Places
  readonly log: ((line: string) => void) | undefined
  readonly software = !hasGpu()
  readonly #server: IsolatedServer
  readonly #mounts = new Map<string, string>()
  readonly #folder = mkdtempSync(join(tmpdir(), 'ocellus-peers-'))

  private constructor(places: Places, server: IsolatedServer, log: ((line: string) => void) | undefined) {
    this.places = places
    this.log = log
    this.#server = server
    // Also where the process is interrupted: the files are large.
    process.once('exit', () => rmSync(this.#folder, { recursive: true, force: true }))
  }

  static async start(places: Places, log?: (line: string) => void): Promise<PeerRuns> {
    return new PeerRuns(places, await startIsolatedServer(), log)
  }

  async close(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true })
    await this.#server.close()
  }

  /** The address of a folder. */
  mount(folder: string): string {
    let address = this.#mounts.get(folder)
    if (address === undefined) {
      address = this.#server.mount(folder)
      this.#mounts.set(folder, address)
    }
    return address
  }

  /** The address of files in memory. */
  publish(files: ReadonlyMap<string, Uint8Array>): string {
    return this.#server.mount(files)
  }

  /** Runs a page's script in a fresh browser. */
  page(name: string, work: unknown, limit: number, files: readonly string[] = []): Promise<Measurement> {
    const page = `${this.publish(new Map([['index.html', PEER_PAGE]]))}index.html`
    const script = `${this.mount(join(this.places.bundle, 'pages'))}${name}.js`
    return runPage({ page, script, work, limit, files, software: this.software, log: this.log })
  }

  /** The GGUF file of a shape, written at its first use. */
  gguf(shape: BenchShape, room: number): string {
    const path = join(this.#folder, `${shape.name}.gguf`)
    if (existsSync(path)) return path
    const file = openSync(path, 'w')
    for (const piece of ggufDecoder(shape, room)) writeSync(file, piece)
    closeSync(file)
    return path
  }
}

/** A configuration's name in tables. Errors: its package is not installed. */
export function nameOf(configuration: Configuration, places: Places): PeerName {
  const [peer, mode = ''] = configuration.split(':') as [PeerId, string?]
  const engine = { ort: 'onnxruntime-web', transformers: 'transformers.js', wllama: 'wllama', native: 'llama.cpp (llama.node)' }[peer]
  const modes: Record<string, string> = { wllama: 'WebGPU in a page', native: 'native, Vulkan' }
  return { engine, version: findPackage(places, peer).version, mode: modes[configuration] ?? mode }
}

/** Runs a configuration on a shape with random weights. limit: milliseconds. */
export function runPeer(
  runs: PeerRuns,
  configuration: Configuration,
  shape: BenchShape,
  work: BenchWork,
  limit: number,
): Promise<Measurement> {
  const [peer, mode] = configuration.split(':') as [PeerId, string?]
  const { folder } = findPackage(runs.places, peer)
  switch (peer) {
    case 'ort': {
      const asked: OrtWork = { ...work, spec: shape, mode: mode as OrtMode, ort: runs.mount(join(folder, 'dist')) }
      return runs.page('ort-page', asked, limit)
    }
    case 'wllama': {
      const asked: WllamaWork = { ...work, wllama: runs.mount(join(folder, 'esm')) }
      return runs.page('wllama-page', asked, limit, [runs.gguf(shape, roomOf(work))])
    }
    case 'native':
      return runNative(runs, { ...work, file: runs.gguf(shape, roomOf(work)) }, limit)
    case 'transformers':
      return runTransformers(runs, mode as TransformersWork['device'], shape, work, limit)
  }
}

const roomOf = ({ context, prefill }: BenchWork): number => Math.max(context, prefill) + 64

/** What llama.node says for ever after an answer that was finished before it had noted down that one began, as a tiny model's may be. */
const TOO_FAST = 'Another completion is in progress'

async function runNative(runs: PeerRuns, work: NativeWork, limit: number): Promise<Measurement> {
  for (let tries = 1; ; tries++) {
    const text = await output([join(runs.places.bundle, 'native-child.js'), JSON.stringify(work)], process.env, limit)
    const line = text.split('\n').find((each) => each.startsWith(NATIVE_RESULT))
    if (line === undefined) throw new Error(`llama.cpp ended without a result: ${text.trim().split('\n').slice(-3).join(' | ')}`)
    const { value, error } = JSON.parse(line.slice(NATIVE_RESULT.length)) as { value?: Measurement; error?: string }
    if (value) return value
    if (error !== TOO_FAST || tries === 5) throw new Error(error)
  }
}

/** transformers.js with the graph that the others have, as it would be converted: its lengths come from the attention mask. */
function runTransformers(
  runs: PeerRuns,
  device: TransformersWork['device'],
  shape: BenchShape,
  work: BenchWork,
  limit: number,
): Promise<Measurement> {
  const tables = device === 'wasm' ? 'float' : 'q4'
  const { sizes, qkvBias, ropeTheta, normEps } = shape
  const spec = { sizes, qkvBias, ropeTheta, normEps }
  const graph = (type: 'float32' | 'float16'): Uint8Array =>
    encodeOnnx(decoderGraph({ ...spec, type, positions: roomOf(work), lengths: 'mask', weights: new RandomWeights(type, tables) }))
  const graphs = { 'model_q4.onnx': graph('float32'), ...(device === 'webgpu' && { 'model_q4f16.onnx': graph('float16') }) }
  return runs.page(
    'transformers-page',
    {
      ...work,
      transformers: runs.mount(join(findPackage(runs.places, 'transformers').folder, 'dist')),
      ort: runs.mount(transformersOrt(runs.places)),
      model: runs.publish(transformersModel(shape, graphs)),
      dtype: device === 'webgpu' ? 'q4f16' : 'q4',
      device,
      random: { spec, tables },
      promptIds: { prefill: promptIds(sizes.vocabulary, work.prefill), decode: promptIds(sizes.vocabulary, work.context - work.tokens) },
    } satisfies TransformersWork,
    limit,
  )
}

/** The files that transformers.js takes for a decoder; none of them names an end token, so that answers have their full length. */
export function transformersModel(shape: Pick<BenchShape, 'sizes'>, graphs: Readonly<Record<string, Uint8Array>>): Map<string, Uint8Array> {
  const { sizes } = shape
  const config = {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    hidden_size: sizes.hidden,
    intermediate_size: sizes.intermediate,
    num_attention_heads: sizes.heads,
    num_hidden_layers: sizes.layers,
    num_key_value_heads: sizes.kvHeads,
    head_dim: sizes.headDim,
    vocab_size: sizes.vocabulary,
    max_position_embeddings: sizes.maxPositions,
  }
  const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value))
  return new Map([
    ['model/config.json', json(config)],
    ['model/generation_config.json', json({})],
    ...Object.entries(graphs).map(([name, bytes]) => [`model/onnx/${name}`, bytes] as const),
  ])
}
