import { allFinite, type LlamaSpeeds, type LlamaTimings, offloadOf, speeds, textPrompt } from './llama-server.ts'
import { adapterName, type BenchWork, type Measurement, warmUp, wasmName } from './measurement.ts'
import { measureHere } from './page-door.ts'

/** What the page is asked for; its file input holds the GGUF file. */
export interface WllamaWork extends BenchWork {
  /** Folder of wllama's files. */
  readonly wllama: string
}

type Log = (...args: unknown[]) => void

/** As much of wllama's interface as is used here. */
interface WllamaModule {
  readonly Wllama: new (paths: { default: string }, options: { logger: Record<'debug' | 'log' | 'warn' | 'error', Log> }) => Wllama
}

interface Wllama {
  setCompat(compat: null): void
  loadModel(files: Blob[], options: object): Promise<void>
  createCompletion(options: object): Promise<Completion>
  getNumThreads(): number
}

interface Completion {
  readonly choices: readonly { readonly text: string; readonly logprobs?: { content: { id: number; logprob: number }[] } | null }[]
  readonly timings?: LlamaTimings
}

/** llama.cpp's log says where the weights went; there is no other sign of it. */
const ON_GPU = /WebGPU.*model buffer size/i
const TELLING = /WebGPU|offloaded|error|fail/i

/** llama.cpp in this page, with the file of the page's input. */
async function openWllama(folder: string, room: number): Promise<{ wllama: Wllama; logged: string[] }> {
  const file = document.querySelector('input')?.files?.[0]
  if (!file) throw new Error('no GGUF file was given')
  const url = new URL('index.js', folder).href
  const { Wllama } = (await import(/* @vite-ignore */ url)) as WllamaModule
  const logged: string[] = []
  const note: Log = (...args) => void logged.push(args.join(' '))
  const logger = { debug: note, log: note, warn: note, error: note }
  const wllama = new Wllama({ default: new URL('wasm/wllama.wasm', folder).href }, { logger })
  // The other build is for browsers without JSPI, and it comes from the network.
  wllama.setCompat(null)
  try {
    await wllama.loadModel([file], { n_ctx: room, n_gpu_layers: 999, n_batch: 2048, n_ubatch: 512, n_parallel: 1, flash_attn: true })
  } catch (error) {
    throw new Error(
      `wllama does not load it: ${error instanceof Error ? error.message : error}; its log ends: ${logged.slice(-4).join(' | ')}`,
    )
  }
  return { wllama, logged }
}

measureHere(async ({ wllama: folder, context, tokens, prefill, runs }: WllamaWork): Promise<Measurement> => {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  const begin = performance.now()
  const { wllama, logged } = await openWllama(folder, Math.max(context, prefill) + 64)
  const loadMs = performance.now() - begin
  const complete = async (prompt: number, answer: number, extra: object = {}) => {
    const greedy = { temperature: 0, top_k: 1, ignore_eos: true, cache_prompt: false }
    const { choices, timings } = await wllama.createCompletion({ prompt: textPrompt(prompt), max_tokens: answer, ...greedy, ...extra })
    return { choice: choices[0], speed: speeds(timings, prompt, answer) }
  }
  await warmUp(() => complete(prefill, 1))
  const reads: LlamaSpeeds[] = []
  for (let run = 0; run < runs; run++) reads.push((await complete(prefill, 1)).speed)
  await warmUp(() => complete(context - tokens, tokens))
  const answers: Awaited<ReturnType<typeof complete>>[] = []
  for (let run = 0; run < runs; run++) answers.push(await complete(context - tokens, tokens))
  // Asked for by themselves, since the server's way to them is slow.
  const { choice } = await complete(16, 8, { logprobs: 2 })
  const offload = offloadOf(logged)
  const onGpu = logged.some((line) => ON_GPU.test(line))
  return {
    device: onGpu ? `${offload.name ?? adapterName(adapter?.info)}${offload.rest}` : wasmName(wllama.getNumThreads()),
    onCpu: !onGpu,
    weights: 'q4_0',
    decode: answers.map(({ speed }) => speed.decode),
    prefill: reads.map((speed) => speed.prefill),
    answer: answers[0]?.choice?.text ?? '',
    sameRuns: answers.every((answer) => answer.choice?.text === answers[0]?.choice?.text),
    finite: allFinite((choice?.logprobs?.content ?? []).map(({ logprob }) => logprob)),
    loadMs,
    notes: [
      ...(adapter?.features.has('shader-f16') ? [] : ['the adapter has no shader-f16, without which wllama takes the CPU']),
      ...logged.filter((line) => TELLING.test(line)).slice(0, 8),
    ],
  }
})
