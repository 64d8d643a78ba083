import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadWeights } from '../../src/engine/weight-loader.ts'
import { LLM } from '../../src/index.ts'
import { decodeImage } from '../../src/media/decode.ts'
import { decodeWav } from '../../src/media/wav.ts'
import type { AnyFamily, ModelFamily, PreparedMedia } from '../../src/models/family.ts'
import { qwen2Vl } from '../../src/models/qwen2-vl.ts'
import { ultravox } from '../../src/models/ultravox.ts'
import { openCheckpoint } from '../../src/weights/checkpoint.ts'
import { openSource } from '../../src/weights/source.ts'
import { type GoldenCase, inputUrl, readGolden } from '../support/goldens.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { torchFile } from '../support/torch-file.ts'

type Tensor = { data: Float32Array; shape: number[] }

const urlOf = (path: string): string => new URL(inputUrl(path), location.href).href
const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
const raw = ({ data, shape }: Tensor) => ({ data: base64(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)), shape })

/** What a golden model's encoder makes of an item that `prepare` gives. */
async function encode<C, W>(
  name: string,
  family: ModelFamily<C, W>,
  prepare: (config: C) => Promise<PreparedMedia>,
): Promise<{ embeds: Tensor; item: PreparedMedia }> {
  const source = openSource(new URL(`/test/goldens/${name}/checkpoint/`, location.href).href, {})
  const readJson = async (path: string) => (await source.json(path)) as Record<string, unknown>
  const config = family.readConfig({
    config: await readJson('config.json'),
    generationConfig: await readJson('generation_config.json'),
    preprocessorConfig: await readJson('preprocessor_config.json'),
    videoPreprocessorConfig: undefined,
    processorConfig: undefined,
  })
  const gpu = await testGpu()
  const weights = await loadWeights(gpu, await openCheckpoint(source), (reader) => family.readWeights(reader, config), {
    modelType: name,
    dtype: 'float32',
    quantization: 'none',
  })
  const item = await prepare(config)
  const [rows = new Float32Array(0)] = await runOnce(gpu, (step) => {
    const inputs = Object.entries(item.inputs).map(([key, { data, shape }]) => [key, upload(gpu, 'f32', shape, data)])
    return [family.encode(step, weights, config, item.kind, item.grid, Object.fromEntries(inputs))]
  })
  const data = Float32Array.from(rows as Float32Array)
  return { embeds: { data, shape: [item.tokens, data.length / item.tokens] }, item }
}

/** What the endpoint answers to a golden case's messages with one part in place of its media. */
async function ask(llm: LLM, golden: GoldenCase, part: object): Promise<unknown> {
  const messages = (golden.request.messages ?? []).map(({ role, content }) => {
    if (typeof content !== 'string') return { role, content: content.map((entry) => (entry.type === 'text' ? entry : part)) }
    if (!content.includes('<|audio|>')) return { role, content }
    return { role, content: [part, { type: 'text', text: content.replace('<|audio|>\n', '') }] }
  })
  const response = await llm.fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages, max_tokens: 24, temperature: 0, repetition_penalty: 1, ignore_eos: true }),
  })
  const { choices, usage, error } = await response.json()
  return error?.message ?? [usage.prompt_tokens, choices[0].message.content]
}

const answerOf = ({ prompt_token_ids, generated }: GoldenCase): unknown => [prompt_token_ids.length, generated.text]
const caseOf = async (family: string, name: string): Promise<GoldenCase> =>
  (await readGolden(family)).cases.find((entry) => entry.name === name) as GoldenCase

describe('audio_embeds at the endpoint', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await LLM.create({ model: '/test/goldens/ultravox/checkpoint', max_model_len: 256, dtype: 'float32' })
  })
  afterAll(() => llm.dispose())

  it('answer as the clip itself does, in every form that a tensor may have', async () => {
    const golden = await caseOf('ultravox', 'audio_short')
    const { embeds } = await encode('ultravox', ultravox, async (config) => {
      const sound = decodeWav(new Uint8Array(await (await fetch(urlOf('audio/chirp.wav'))).arrayBuffer()))
      return (ultravox as AnyFamily).prepareAudio?.(config, sound, {})[0] as PreparedMedia
    })
    const file = base64(torchFile(embeds))
    const stacked = base64(torchFile({ ...embeds, shape: [1, ...embeds.shape] }))
    expect(await ask(llm, golden, { type: 'audio_url', audio_url: { url: urlOf('audio/chirp.wav') } })).toEqual(answerOf(golden))
    for (const audio_embeds of [file, stacked, { audio_embeds: file }, raw(embeds)])
      expect(await ask(llm, golden, { type: 'audio_embeds', audio_embeds })).toEqual(answerOf(golden))
    const wrong = { type: 'audio_embeds', audio_embeds: base64(torchFile({ ...embeds, shape: [embeds.data.length] })) }
    expect(await ask(llm, golden, wrong)).toMatch(/audio_embeds has shape \[576\]; expected \[tokens, 64\]/)
  })
})

describe('video_embeds at the endpoint', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await LLM.create({ model: '/test/goldens/qwen2_vl/checkpoint', max_model_len: 256, dtype: 'float32' })
  })
  afterAll(() => llm.dispose())

  it('answer as the clip itself does, in every form that a tensor may have', async () => {
    const golden = await caseOf('qwen2_vl', 'video_resized')
    const paths = golden.request.multi_modal_data?.video?.[0]?.frames ?? []
    const { embeds, item } = await encode('qwen2_vl', qwen2Vl, async (config) => {
      const frames = await Promise.all(paths.map((path) => decodeImage({ kind: 'url', url: urlOf(path) }, {})))
      return (qwen2Vl as AnyFamily).prepareVideo?.(config, frames, {}) as PreparedMedia
    })
    const grid: Tensor = { data: Float32Array.from(item.grid.slice(0, 3)), shape: [1, 3] }
    expect(await ask(llm, golden, { type: 'video', video: paths.map(urlOf) })).toEqual(answerOf(golden))
    const torch = { video_embeds: base64(torchFile(embeds)), video_grid_thw: base64(torchFile(grid, 'int64')) }
    for (const video_embeds of [torch, { video_embeds: raw(embeds), video_grid_thw: raw(grid) }])
      expect(await ask(llm, golden, { type: 'video_embeds', video_embeds })).toEqual(answerOf(golden))
    const alone = { type: 'video_embeds', video_embeds: torch.video_embeds }
    expect(await ask(llm, golden, alone)).toMatch(/video_grid_thw/)
  })
})
