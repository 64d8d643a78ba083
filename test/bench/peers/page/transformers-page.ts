import type { DecoderSpec } from '../decoder/bench-shape.ts'
import { decoderGraph, type Matrix } from '../decoder/decoder-graph.ts'
import { RandomWeights } from '../decoder/random-weights.ts'
import { chooseToken } from './choose-token.ts'
import { callsPerToken, countGpuCalls } from './gpu-calls.ts'
import { adapterName, type BenchWork, type Measurement, warmUp, wasmName } from './measurement.ts'
import type { OrtTensor } from './ort-types.ts'
import { measureHere } from './page-door.ts'

type Dtype = 'fp32' | 'q8' | 'q4' | 'q4f16'

/** What the page is asked for. */
export interface TransformersWork extends BenchWork {
  /** Folders of transformers.js and of the onnxruntime-web that it comes with. */
  readonly transformers: string
  readonly ort: string
  /** Folder of a folder `model`, with config.json and onnx/. */
  readonly model: string
  /** transformers.js' name for the weights, which names their file. 'q4f16' becomes 'q4' where the adapter has no halves. */
  readonly dtype: Dtype
  readonly device: 'wasm' | 'webgpu'
  /** Threads of wasm. Default: transformers.js' own choice. */
  readonly threads?: number
  /** Random weights that the model's file refers to, to be made here. */
  readonly random?: { readonly spec: DecoderSpec; readonly tables: Matrix['kind'] }
  readonly promptIds: { readonly prefill: readonly number[]; readonly decode: readonly number[] }
}

/** As much of transformers.js as is used here. */
interface Transformers {
  readonly env: {
    allowLocalModels: boolean
    remoteHost: string
    remotePathTemplate: string
    useBrowserCache: boolean
    useWasmCache: boolean
    readonly backends: { readonly onnx: { readonly wasm: { wasmPaths: object; numThreads?: number } } }
  }
  readonly AutoModelForCausalLM: { from_pretrained(id: string, options: object): Promise<Model> }
  readonly Tensor: new (type: string, data: BigInt64Array, dims: readonly number[]) => unknown
}

interface Model {
  (inputs: object): Promise<Record<string, OrtTensor>>
  generate(options: object): Promise<{ tolist(): bigint[][] }>
}

async function openModel(work: TransformersWork): Promise<{ model: Model; library: Transformers; dtype: Dtype }> {
  const url = new URL('transformers.min.js', work.transformers).href
  const library = (await import(/* @vite-ignore */ url)) as Transformers
  const { env, AutoModelForCausalLM } = library
  const { wasm } = env.backends.onnx
  env.allowLocalModels = false
  env.remoteHost = work.model
  env.remotePathTemplate = '{model}/'
  env.useBrowserCache = false
  env.useWasmCache = false
  // The build that it takes by itself, from here in place of the network.
  const build = new URL('ort-wasm-simd-threaded.asyncify', work.ort).href
  wasm.wasmPaths = { mjs: `${build}.mjs`, wasm: `${build}.wasm` }
  if (work.threads !== undefined) wasm.numThreads = work.threads
  const { device, random } = work
  const dtype = work.dtype === 'q4f16' && !(await bestAdapter()).features.has('shader-f16') ? 'q4' : work.dtype
  const externalData = random && randomFiles(random, dtype === 'q4f16' ? 'float16' : 'float32')
  const session = externalData && { session_options: { externalData } }
  return { model: await AutoModelForCausalLM.from_pretrained('model', { device, dtype, ...session }), library, dtype }
}

async function bestAdapter(): Promise<GPUAdapter> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (adapter) return adapter
  throw new Error('WebGPU found no adapter.')
}

/** The files are known once the graph is: it is made here too, and thrown away. */
function randomFiles({ spec, tables }: NonNullable<TransformersWork['random']>, type: 'float32' | 'float16') {
  const weights = new RandomWeights(type, tables)
  decoderGraph({ ...spec, type, positions: 1, lengths: 'mask', weights })
  return weights.files()
}

/** One greedy answer: its tokens, and when they came, in milliseconds from the call on. */
async function generate({ model, library }: Awaited<ReturnType<typeof openModel>>, prompt: readonly number[], tokens: number) {
  const times: number[] = []
  const start = performance.now()
  // The streamer is given the prompt first.
  const streamer = { put: () => void times.push(performance.now() - start), end: () => {} }
  const options = { max_new_tokens: tokens, do_sample: false, streamer }
  const sequence = await model.generate({ ...inputs(library, prompt), ...options })
  const ids = (sequence.tolist()[0] ?? []).slice(prompt.length).map(Number)
  if (ids.length !== tokens) throw new Error(`transformers.js gave ${ids.length} of ${tokens} tokens`)
  return { ids, first: times[1] ?? 0, last: times.at(-1) ?? 0 }
}

function inputs({ Tensor }: Transformers, ids: readonly number[]): object {
  const tensor = (values: readonly number[]) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
  return { input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)) }
}

async function deviceName({ device, threads }: TransformersWork, { env }: Transformers): Promise<string> {
  if (device === 'webgpu') return adapterName((await bestAdapter()).info)
  if (!crossOriginIsolated) throw new Error('the page is not cross-origin isolated, so wasm has one thread')
  // onnxruntime writes its own choice there.
  return wasmName(threads ?? env.backends.onnx.wasm.numThreads ?? Number.NaN)
}

measureHere(async (work: TransformersWork): Promise<Measurement> => {
  const begin = performance.now()
  const opened = await openModel(work)
  const loadMs = performance.now() - begin
  const { prefill, decode } = work.promptIds
  const callsSince = countGpuCalls()
  await warmUp(() => generate(opened, prefill, 1))
  const prefills: number[] = []
  for (let run = 0; run < work.runs; run++) prefills.push((prefill.length * 1000) / (await generate(opened, prefill, 1)).first)
  const answers: Awaited<ReturnType<typeof generate>>[] = []
  await warmUp(async () => void answers.push(await generate(opened, decode, work.tokens)))
  const warm = answers.length
  callsSince()
  for (let run = 0; run < work.runs; run++) answers.push(await generate(opened, decode, work.tokens))
  const calls = callsSince()
  const { logits } = await opened.model(inputs(opened.library, decode))
  if (!logits) throw new Error('transformers.js gave no logits')
  const [first] = answers
  return {
    device: await deviceName(work, opened.library),
    onCpu: false,
    weights: opened.dtype,
    decode: answers.slice(warm).map(({ first, last }) => ((work.tokens - 1) * 1000) / (last - first)),
    prefill: prefills,
    answer: first?.ids ?? [],
    sameRuns: answers.every(({ ids }) => ids.join() === first?.ids.join()),
    finite: chooseToken(logits.data, logits.type).finite,
    loadMs,
    ...(work.device === 'webgpu' && { callsPerToken: callsPerToken(calls, work.runs * work.tokens) }),
    notes: [],
  }
})
