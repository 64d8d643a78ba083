// llama.cpp in Node, in a process of its own, since it may end the process: node native-child.js '{"file": …}'
import { setTimeout } from 'node:timers/promises'
import { NATIVE_RESULT, type NativeWork } from './native-work.ts'
import { allFinite, type LlamaSpeeds, type LlamaTimings, offloadOf, speeds, textPrompt } from './page/llama-server.ts'
import { type Measurement, warmUp } from './page/measurement.ts'

/** As much of @fugood/llama.node's interface as is used here. */
interface LlamaNode {
  loadModel(options: object): Promise<Llama>
  toggleNativeLog(on: boolean): Promise<void>
  addNativeLogListener(listen: (level: string, text: string) => void): void
}

interface Llama {
  getUsedDevices(): string[]
  clearCache(withData: boolean): void
  completion(options: object): Promise<Answer>
}

interface Answer {
  readonly text: string
  readonly timings: LlamaTimings
  readonly completion_probabilities?: readonly { readonly probs: readonly { readonly prob: number }[] }[]
}

/** llama.cpp on Vulkan, with all layers there. */
async function openLlama(file: string, room: number): Promise<{ llama: Llama; logged: string[] }> {
  const name = '@fugood/llama.node'
  const module = (await import(name)) as { default?: LlamaNode } & LlamaNode
  const { loadModel, toggleNativeLog, addNativeLogListener } = module.default ?? module
  const logged: string[] = []
  addNativeLogListener((_, text) => void logged.push(text.trim()))
  await toggleNativeLog(true)
  const gpu = { lib_variant: 'vulkan', n_gpu_layers: 999, flash_attn_type: 'on', use_mmap: false }
  const llama = await loadModel({ model: file, n_ctx: room, n_batch: 2048, n_ubatch: 512, n_parallel: 1, ...gpu })
  await toggleNativeLog(false)
  return { llama, logged }
}

async function measure({ file, context, tokens, prefill, runs }: NativeWork): Promise<Measurement> {
  const begin = performance.now()
  const { llama, logged } = await openLlama(file, Math.max(context, prefill) + 64)
  const loadMs = performance.now() - begin
  const complete = async (prompt: number, answer: number, extra: object = {}) => {
    const greedy = { temperature: 0, top_k: 1, ignore_eos: true }
    const asked = { prompt: textPrompt(prompt), n_predict: answer, ...greedy, ...extra }
    // A breath between answers: see TOO_FAST in peer-run.ts.
    await setTimeout(20)
    llama.clearCache(false)
    const { text, timings, completion_probabilities } = await llama.completion(asked)
    return { text, speed: speeds(timings, prompt, answer), probabilities: completion_probabilities ?? [] }
  }
  await warmUp(() => complete(prefill, 1))
  const reads: LlamaSpeeds[] = []
  for (let run = 0; run < runs; run++) reads.push((await complete(prefill, 1)).speed)
  await warmUp(() => complete(context - tokens, tokens))
  const answers: Awaited<ReturnType<typeof complete>>[] = []
  for (let run = 0; run < runs; run++) answers.push(await complete(context - tokens, tokens))
  const { probabilities } = await complete(16, 8, { n_probs: 2 })
  const devices = llama.getUsedDevices()
  // Devices have numbers; the log has their names.
  const { name, rest } = offloadOf(logged)
  const onCpu = devices.every((device) => /^(CPU|BLAS)/i.test(device))
  return {
    device: onCpu ? 'CPU' : `${name ?? devices.join(', ')}${rest}`,
    onCpu,
    weights: 'q4_0',
    decode: answers.map(({ speed }) => speed.decode),
    prefill: reads.map((speed) => speed.prefill),
    answer: answers[0]?.text ?? '',
    sameRuns: answers.every(({ text }) => text === answers[0]?.text),
    finite: allFinite(probabilities.flatMap(({ probs }) => probs.map(({ prob }) => prob))),
    loadMs,
    notes: logged.filter((line) => /offloaded|ggml_vulkan:/i.test(line)).slice(0, 6),
  }
}

const work = JSON.parse(process.argv[2] ?? '{}') as NativeWork
try {
  console.log(`\n${NATIVE_RESULT}${JSON.stringify({ value: await measure(work) })}`)
} catch (error) {
  console.log(`\n${NATIVE_RESULT}${JSON.stringify({ error: (error as Error).message })}`)
}
process.exit(0)
