import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LLM, type RequestOutput } from '../../src/index.ts'
import { decodeWav } from '../../src/media/wav.ts'
import { golden as goldenFile } from '../support/decode.ts'
import { flacFile, silentFlac } from '../support/flac-file.ts'
import { expectExact } from '../support/golden-checks.ts'
import { rejection } from '../support/golden-model.ts'
import { type GoldenCase, readGolden } from '../support/goldens.ts'
import { makeSoundFile } from '../support/sound-clip.ts'

const { cases, sampling_params } = await readGolden('ultravox')
const expected = cases.find(({ name }) => name === 'audio_short') as GoldenCase
const fileOf = async (path: string): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await (await goldenFile(path)).arrayBuffer())
const { channels, rate } = decodeWav(await fileOf('inputs/audio/chirp.wav'))
const chirp = Int16Array.from(channels[0] as Float32Array, (value) => value * 2 ** 15)
const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))

let llm: LLM
beforeAll(async () => {
  llm = await LLM.create({ model: '/test/goldens/ultravox/checkpoint', max_model_len: 256, max_num_seqs: 8, dtype: 'float32' })
})
afterAll(() => llm.dispose())

const question = { type: 'text' as const, text: 'Transcribe the audio.' }
async function hear(part: object): Promise<RequestOutput> {
  const [output] = await llm.chat([{ role: 'user', content: [part as never, question] }], sampling_params)
  return output as RequestOutput
}

interface Answer {
  choices: { message: { content: string } }[]
  usage: { prompt_tokens: number }
  error?: { message: string; code: string | null }
}
async function ask(part: object): Promise<[status: number, answer: Answer]> {
  const response = await llm.fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      messages: [{ role: 'user', content: [part, question] }],
      ...{ max_tokens: 24, temperature: 0, repetition_penalty: 1, ignore_eos: true },
    }),
  })
  return [response.status, (await response.json()) as Answer]
}

describe('sound files in a request', () => {
  const lossless: [what: string, file: () => Promise<Uint8Array<ArrayBuffer>> | Uint8Array<ArrayBuffer>][] = [
    ['FLAC', () => flacFile([chirp], rate)],
    ['FLAC of two equal channels', () => flacFile([chirp, chirp], rate)],
    ['PCM in MOV', () => makeSoundFile([chirp], { container: 'mov', codec: 'pcm-s16', rate })],
    ['PCM in Matroska', () => makeSoundFile([chirp], { container: 'mkv', codec: 'pcm-s16', rate })],
    ['the sound of a clip', () => makeSoundFile([chirp], { container: 'mkv', codec: 'pcm-s16', rate, withPicture: true })],
  ]
  for (const [what, file] of lossless)
    it(`give the answer of their WAV file: ${what}`, async () => {
      expectExact(await hear({ type: 'audio', audio: new Blob([await file()]) }), expected)
    })

  it('give the same answer as a Blob, a URL, a data URL, multi_modal_data.audio and OpenAI’s form', async () => {
    const bytes = flacFile([chirp], rate)
    const url = URL.createObjectURL(new Blob([bytes]))
    const parts = [
      { type: 'audio', audio: new File([bytes], 'chirp.flac', { type: 'audio/flac' }) },
      { type: 'audio_url', audio_url: { url } },
      { type: 'audio_url', audio_url: { url: `data:audio/flac;base64,${base64(bytes)}` } },
      { type: 'audio_url', audio_url: { url: new URL('/test/goldens/media/sound/flac.flac', location.href).href } },
      { type: 'input_audio', input_audio: { data: base64(bytes), format: 'flac' } },
    ]
    for (const part of parts) expectExact(await hear(part), expected)
    const prompt = { prompt: expected.rendered_prompt as string, multi_modal_data: { audio: url } }
    const [output] = await llm.generate(prompt, sampling_params)
    URL.revokeObjectURL(url)
    expect(output?.outputs[0]?.token_ids).toEqual(expected.generated.token_ids)
  })

  const lossy = ['lame.mp3', 'aac.m4a', 'vorbis.ogg', 'opus.webm', 'opus.mp4']
  for (const file of lossy)
    it(`take as many tokens as their WAV file: ${file}`, async () => {
      const output = await hear({ type: 'audio', audio: await goldenFile(`media/sound/${file}`) })
      expect(output.prompt_token_ids).toEqual(expected.prompt_token_ids)
      expect(output.outputs[0]?.token_ids.length).toBe(24)
    })

  const forms: [what: string, rate: number, channels: number][] = [
    ['8 kHz', 8000, 1],
    ['96 kHz', 96_000, 1],
    ['six channels', 48_000, 6],
  ]
  for (const [what, odd, width] of forms)
    it(`are heard at ${what}`, async () => {
      const tone = Int16Array.from({ length: odd }, (_, i) => 8000 * Math.sin((i * 1000) / odd))
      const file = flacFile(new Array(width).fill(tone), odd)
      const prompt = { prompt: '<|audio|>', multi_modal_data: { audio: new Blob([file]) } }
      const [output] = await llm.generate(prompt, { max_tokens: 2 })
      // BOS and a second of sound.
      expect(output?.prompt_token_ids?.length).toBe(1 + 7)
    })
})

describe('sound files at the endpoint', () => {
  it('answer as their WAV file does: input_audio and audio_url', async () => {
    const data = base64(flacFile([chirp], rate))
    for (const part of [
      { type: 'input_audio', input_audio: { data, format: 'flac' } },
      { type: 'audio_url', audio_url: { url: `data:audio/flac;base64,${data}` } },
    ]) {
      const [status, answer] = await ask(part)
      expect([status, answer.choices[0]?.message.content]).toEqual([200, expected.generated.text])
    }
  })

  it('are read by what they are, not by what they are called: MP3 and Ogg', async () => {
    const tokens = async (file: string, format: string): Promise<unknown> => {
      const [status, answer] = await ask({
        type: 'input_audio',
        input_audio: { data: base64(await fileOf(`media/sound/${file}`)), format },
      })
      return [status, answer.usage.prompt_tokens]
    }
    const whole = [200, expected.prompt_token_ids.length]
    expect(await tokens('lame.mp3', 'mp3')).toEqual(whole)
    expect(await tokens('vorbis.ogg', 'ogg')).toEqual(whole)
    expect(await tokens('aac.m4a', 'm4a')).toEqual(whole)
    expect(await tokens('opus.webm', 'mp3')).toEqual(whole)
  })

  const bad: [what: string, file: () => Promise<Uint8Array>, status: number, code: string, message: RegExp][] = [
    [
      'a codec that is missing',
      () => fileOf('media/sound/alac.m4a'),
      400,
      'invalid_audio',
      /^The audio is of the codec alac, which this browser cannot/,
    ],
    ['a damaged file', async () => (await fileOf('media/sound/vorbis.ogg')).subarray(0, 60), 400, 'invalid_audio', /^The audio/],
    ['a bomb of silence', async () => silentFlac(200, 16_000, 1), 413, 'media_too_large', /^The audio is \d+ s long; at most 600 s/],
    ['no sound', async () => flacFile([new Int16Array(0)], 16_000), 400, 'invalid_audio', /^The audio/],
  ]
  for (const [what, file, refused, code, message] of bad)
    it(`are refused, and the next request works: ${what}`, async () => {
      const [status, { error }] = await ask({ type: 'input_audio', input_audio: { data: base64(await file()), format: 'flac' } })
      expect([status, error?.code]).toEqual([refused, code])
      expect(error?.message).toMatch(message)
      expect((await ask({ type: 'text', text: 'Hi' }))[0]).toBe(200)
    })

  it('may be given up while they are read', async () => {
    const audio = new Blob([silentFlac(100, 16_000, 1)])
    const controller = new AbortController()
    const work = llm.generate({ prompt: '<|audio|>', multi_modal_data: { audio } }, { max_tokens: 1 }, {
      signal: controller.signal,
    } as never)
    setTimeout(() => controller.abort(), 0)
    expect(await rejection(work)).toMatch(/^AbortError/)
    expectExact(await hear({ type: 'audio', audio: new Blob([flacFile([chirp], rate)]) }), expected)
  })
})
