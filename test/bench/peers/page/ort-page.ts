import type { DecoderSpec } from '../decoder/bench-shape.ts'
import { decoderGraph } from '../decoder/decoder-graph.ts'
import { RandomWeights } from '../decoder/random-weights.ts'
import { encodeOnnx } from '../formats/onnx.ts'
import { callsPerToken, countGpuCalls } from './gpu-calls.ts'
import { adapterName, type BenchWork, type Measurement, promptIds, warmUp } from './measurement.ts'
import { CaptureDecoder } from './ort-capture.ts'
import { cacheNames, DynamicDecoder, type OrtDecoder, type OrtSetting, StaticDecoder } from './ort-decoders.ts'
import { loadOrt, type ProviderOptions } from './ort-loader.ts'
import { measureHere } from './page-door.ts'

/** How the cache is kept: growing, as transformers.js does; one buffer for past and present; the same, and a step's commands replayed. */
export type OrtMode = 'dynamic' | 'static' | 'capture'

/** What the page is asked for. */
export interface OrtWork extends BenchWork {
  readonly spec: DecoderSpec
  readonly mode: OrtMode
  /** Folder of onnxruntime-web's files. */
  readonly ort: string
}

/** A step in one submit: more dispatches than any step has. */
const ONE_SUBMIT = { maxNumPendingDispatches: '1024' }

const optionsOf: Readonly<Record<OrtMode, ProviderOptions>> = {
  dynamic: {},
  static: ONE_SUBMIT,
  capture: { ...ONE_SUBMIT, enableGraphCapture: '1' },
}

const decoders: Readonly<Record<OrtMode, new (setting: OrtSetting) => OrtDecoder>> = {
  dynamic: DynamicDecoder,
  static: StaticDecoder,
  capture: CaptureDecoder,
}

async function openDecoder({
  spec,
  mode,
  ort: folder,
  context,
  prefill,
}: OrtWork): Promise<{ decoder: OrtDecoder; device: GPUDevice; type: string }> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new Error('WebGPU found no adapter.')
  const type = adapter.features.has('shader-f16') ? 'float16' : 'float32'
  const ort = await loadOrt(folder, optionsOf[mode])
  const weights = new RandomWeights(type)
  const positions = Math.max(context, prefill) + 1
  const model = encodeOnnx(decoderGraph({ ...spec, type, positions, lengths: 'given', weights }))
  const onGpu = ['logits', ...cacheNames(spec.sizes).map((name) => `present.${name}`)].slice(mode === 'capture' ? 0 : 1)
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [{ name: 'webgpu' }],
    externalData: weights.files(),
    graphOptimizationLevel: 'all',
    preferredOutputLocation: Object.fromEntries(onGpu.map((name) => [name, 'gpu-buffer'])),
  })
  const device = await ort.env.webgpu.device
  return { decoder: new decoders[mode]({ ort, session, device, sizes: spec.sizes, type, positions }), device, type }
}

measureHere(async (work: OrtWork): Promise<Measurement> => {
  const { spec, context, tokens, prefill, runs } = work
  const begin = performance.now()
  const { decoder, device, type } = await openDecoder(work)
  const loadMs = performance.now() - begin
  const vocabulary = spec.sizes.vocabulary
  const callsSince = countGpuCalls()
  let finite = true
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now()
    await work()
    return performance.now() - start
  }
  const checked = async (choice: ReturnType<OrtDecoder['read']>): Promise<number> => {
    const { id, finite: good } = await choice
    finite &&= good
    return id
  }

  const prompt = promptIds(vocabulary, prefill)
  const readPrompt = async (): Promise<void> => {
    decoder.reset()
    await checked(decoder.read(prompt))
  }
  await warmUp(readPrompt)
  const prefillSpeeds: number[] = []
  for (let run = 0; run < runs; run++) prefillSpeeds.push((prefill * 1000) / (await timed(readPrompt)))

  const answers: number[][] = []
  const decodeSpeeds: number[] = []
  let calls = callsSince()
  const answer = async (): Promise<void> => {
    decoder.reset()
    const ids = [await checked(decoder.read(promptIds(vocabulary, context - tokens)))]
    callsSince()
    const steps = async (): Promise<void> => {
      while (ids.length < tokens) ids.push(await checked(decoder.step(ids.at(-1) ?? 0)))
    }
    decodeSpeeds.push(((tokens - 1) * 1000) / (await timed(steps)))
    calls = callsSince()
    answers.push(ids)
  }
  await warmUp(answer)
  const warm = answers.length
  for (let run = 0; run < runs; run++) await answer()
  return {
    device: adapterName(device.adapterInfo),
    onCpu: false,
    weights: `q4, ${type}`,
    decode: decodeSpeeds.slice(warm),
    prefill: prefillSpeeds,
    answer: answers[0] ?? [],
    sameRuns: answers.every((ids) => ids.join() === answers[0]?.join()),
    finite,
    loadMs,
    callsPerToken: callsPerToken(calls, tokens - 1),
    notes: [],
  }
})
