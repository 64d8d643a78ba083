import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM, type RequestOutput } from '../../src/index.ts'
import { decodeWav } from '../../src/media/wav.ts'
import { describeFloat16, expectExact, itEqualsTheReference } from '../support/golden-checks.ts'
import { rejection } from '../support/golden-model.ts'
import { type GoldenCase, inputUrl, readGolden, runCase } from '../support/goldens.ts'

const golden = await readGolden('ultravox')
const MODEL = '/test/goldens/ultravox/checkpoint'
const SPLIT = '/test/goldens/ultravox_split/checkpoint'

const open = (options: object): Promise<LLM> => LLM.create({ model: MODEL, max_model_len: 256, max_num_seqs: 8, ...options })
const named = (name: string): GoldenCase => golden.cases.find((candidate) => candidate.name === name) as GoldenCase
const run = (llm: LLM, expected: GoldenCase): Promise<RequestOutput> => runCase(llm, 'ultravox', expected, golden.sampling_params)
const clipBytes = async (path: string): Promise<Blob> => (await fetch(inputUrl(path))).blob()

describe('ultravox in float32 through the public API', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ dtype: 'float32' })
  })
  afterAll(() => llm.dispose())

  itEqualsTheReference('ultravox', golden, () => llm)

  it('gives the same answers from the prefix cache', async () => {
    const { prompt_logprobs: _, ...sampling } = golden.sampling_params
    await runCase(llm, 'ultravox', named('audio_long'), sampling)
    const again = await runCase(llm, 'ultravox', named('audio_long'), sampling)
    expect(again.num_cached_tokens).toBeGreaterThan(0)
    expect(again.outputs[0]?.token_ids).toEqual(named('audio_long').generated.token_ids)
  })

  it('hears the same in a file, in samples, in a data URL and in OpenAI’s form of sound', async () => {
    const expected = named('audio_short')
    const blob = await clipBytes('audio/chirp.wav')
    const bytes = new Uint8Array(await blob.arrayBuffer())
    const { channels, rate } = decodeWav(bytes)
    const mono = channels[0] as Float32Array
    const data = btoa(String.fromCharCode(...bytes))
    const forms = [
      { type: 'audio' as const, audio: blob },
      { type: 'audio' as const, audio: [mono, rate] as const },
      { type: 'audio_url' as const, audio_url: { url: `data:audio/wav;base64,${data}` } },
      { type: 'input_audio' as const, input_audio: { data, format: 'wav' } },
    ]
    for (const part of forms) {
      const content = [part, { type: 'text' as const, text: 'Transcribe the audio.' }]
      const [output] = await llm.chat([{ role: 'user', content }], golden.sampling_params)
      expectExact(output as RequestOutput, expected)
    }
  })

  it('answers over the endpoint to input_audio and audio_url', async () => {
    const expected = named('audio_short')
    const blob = await clipBytes('audio/chirp.wav')
    const data = btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())))
    const parts = [
      { type: 'input_audio', input_audio: { data, format: 'wav' } },
      { type: 'audio_url', audio_url: { url: new URL(inputUrl('audio/chirp.wav'), location.href).href } },
    ]
    for (const part of parts) {
      const messages = [{ role: 'user', content: [part, { type: 'text', text: 'Transcribe the audio.' }] }]
      const body = JSON.stringify({ messages, max_tokens: 24, temperature: 0, repetition_penalty: 1, ignore_eos: true })
      const response = await llm.fetch('/v1/chat/completions', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
      const answer = (await response.json()) as { choices: { message: { content: string } }[] }
      expect(answer.choices[0]?.message.content).toBe(expected.generated.text)
    }
  })

  it('takes a prompt whose placeholders are expanded already', async () => {
    const expected = named('two_clips')
    const audio = ['audio/voice.wav', 'audio/chirp.wav'].map(inputUrl)
    const [output] = await llm.generate(
      { prompt_token_ids: expected.prompt_token_ids, multi_modal_data: { audio } },
      golden.sampling_params,
    )
    expect(output?.outputs[0]?.token_ids).toEqual(expected.generated.token_ids)
  })

  it.each<[what: string, audio: unknown, message: string]>([
    ['a file of another kind', new Blob(['<!doctype html>']), 'MediaError: The audio is an HTML page'],
    ['an empty file', new Blob([]), 'MediaError: The audio is empty (0 bytes); allowed are WAV, MP3, FLAC'],
    ['a file that is not there', inputUrl('audio/none.wav'), 'MediaError: '],
    ['no samples', [new Float32Array(0), 16_000], 'has no samples'],
    ['an odd rate', [new Float32Array(100), 10], 'MediaError: The clip has a sampling rate of 10 Hz; it must be from 1000 to 384000 Hz'],
    ['samples that are not finite', [Float32Array.of(0, Number.NaN), 16_000], 'MediaError: The clip has samples that are not finite'],
    ['more than 600 s', [new Float32Array(601 * 1000), 1000], 'MediaError: The clip is 601 s long; at most 600 s are taken'],
    ['a clip of more tokens than the model has places', [new Float32Array(60 * 8000), 8000], 'ContextLengthError'],
  ])('refuses %s', async (_, audio, message) => {
    const prompt = { prompt: '<|audio|>', multi_modal_data: { audio } }
    expect(await rejection(llm.generate(prompt as never, { max_tokens: 1 }))).toContain(message)
  })

  it.each<[what: string, prompt: string, clips: number, message: string]>([
    ['too few placeholders', 'Listen.', 1, 'has 0 audio placeholder(s) but multi_modal_data has 1 audio(s)'],
    ['too many placeholders', '<|audio|><|audio|>', 1, 'has 2 audio placeholder(s) but multi_modal_data has 1 audio(s)'],
  ])('refuses %s', async (_, prompt, clips, message) => {
    const audio = Array.from({ length: clips }, () => inputUrl('audio/chirp.wav'))
    expect(await rejection(llm.generate({ prompt, multi_modal_data: { audio } }, { max_tokens: 1 }))).toContain(message)
  })

  it.each<[what: string, samples: number, rate: number, tokens: number]>([
    ['a single sample', 1, 16_000, 1],
    ['half a second at 8 kHz', 4000, 8000, 4],
    ['a second at 96 kHz', 96_000, 96_000, 7],
    ['30 s', 480_000, 16_000, 188],
  ])('hears %s', async (_, samples, rate, tokens) => {
    const sound = Float32Array.from({ length: samples }, (_, i) => Math.sin(i / 20))
    const [output] = await llm.generate({ prompt: '<|audio|>', multi_modal_data: { audio: [sound, rate] } }, { max_tokens: 2 })
    // BOS and the clip.
    expect(output?.prompt_token_ids?.length).toBe(1 + tokens)
    expect(output?.outputs[0]?.token_ids.length).toBe(2)
  })
})

describe('ultravox in three folders', () => {
  let llm: LLM
  beforeAll(async () => {
    llm = await open({ model: SPLIT, dtype: 'float32' })
  })
  afterAll(() => llm.dispose())

  for (const expected of golden.cases) {
    it(`gives the same answers as from one: ${expected.name}`, async () => {
      expectExact(await run(llm, expected), expected)
    })
  }
})

describeFloat16('ultravox', golden, open)
