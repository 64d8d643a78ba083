import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RequestOutput } from '../../src/index.ts'
import { type LibraryPage, openLibraryPage } from './page.ts'
import { embeddedModel } from './places.ts'

/** A question about a recording of the voice that was kept out of training, the true answer, and what PyTorch made of it in float32. */
interface Sample {
  audio: string
  question: string
  answer: string
  model_answer: string
}

const goldens = join(import.meta.dirname, '../goldens/tiny-audio')
const samples = JSON.parse(readFileSync(join(goldens, 'samples.json'), 'utf8')) as Sample[]

let opened: LibraryPage
let files: string
beforeAll(async () => {
  opened = await openLibraryPage()
  const model = opened.server.mount(join(embeddedModel, '../ocellus-tiny-audio'))
  files = opened.server.mount(goldens)
  await opened.page.evaluate(async (model) => {
    globalThis.llm = await LLM.create({ model, dtype: 'float32', max_model_len: 512 })
  }, model)
})
afterAll(async () => {
  await opened.close()
})

const textOf = (output: RequestOutput | undefined): string | undefined => output?.outputs[0]?.text

describe('ocellus-tiny-audio', () => {
  it('loads as what it is', async () => {
    const info = await opened.page.evaluate(() => llm.info)
    expect(info.model_type).toBe('ultravox')
    expect(info.modalities).toEqual(['audio'])
  })

  it('writes down and answers what a voice says that it never heard before, as PyTorch does, all asked at once', async () => {
    const outputs = await opened.page.evaluate(
      ({ samples, files }) =>
        llm.chat(
          samples.map(({ audio, question }) => [
            {
              role: 'user' as const,
              content: [
                { type: 'audio' as const, audio: files + audio },
                { type: 'text' as const, text: question },
              ],
            },
          ]),
          { temperature: 0, max_tokens: 64 },
        ),
      { samples, files },
    )
    expect(outputs.map(textOf)).toEqual(samples.map(({ model_answer }) => model_answer))
    expect(samples.map(({ model_answer }) => model_answer)).toEqual(samples.map(({ answer }) => answer))
    expect(outputs.map(({ outputs: [first] }) => first?.finish_reason)).toEqual(samples.map(() => 'stop'))
  })

  it('writes down a clip that comes without a question, and says so when there is none', async () => {
    const spoken = samples.find(({ question }) => question.startsWith('Transcribe'))
    const answers = await opened.page.evaluate(async (audio) => {
      const alone = await llm.chat([{ role: 'user', content: [{ type: 'audio', audio }] }], { temperature: 0, max_tokens: 64 })
      const none = await llm.chat([{ role: 'user', content: 'Transcribe the audio.' }], { temperature: 0, max_tokens: 64 })
      return [...alone, ...none].map(({ outputs: [first] }) => first?.text)
    }, `${files}${spoken?.audio}`)
    expect(answers).toEqual([spoken?.answer, 'There is no audio.'])
  })

  it('tells tones, beeps, noise and silence apart', async () => {
    const answers = await opened.page.evaluate(async () => {
      const rate = 16000
      // With soft ends, like the tones it was trained on.
      const tone = (seconds: number, hertz: number): number[] =>
        Array.from({ length: seconds * rate }, (_, i) => {
          const swell = Math.min(1, i / 160, (seconds * rate - i) / 160)
          return 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate) * swell
        })
      const silence = (seconds: number): number[] => new Array<number>(seconds * rate).fill(0)
      let seed = 1
      const hiss = (): number => {
        seed = (seed * 48271) % 2147483647
        return seed / 2147483647 - 0.5
      }
      const beep = [...tone(0.2, 1000), ...silence(0.25)]
      const clips: [number[], string][] = [
        [[...silence(0.2), ...tone(1.2, 2200), ...silence(0.2)], 'Is the tone high or low?'],
        [[...silence(0.2), ...tone(1.2, 200), ...silence(0.2)], 'Is the tone high or low?'],
        [[...silence(0.2), ...beep, ...beep, ...beep], 'How many beeps are there?'],
        [Array.from({ length: 1.5 * rate }, hiss), 'Is there noise?'],
        [silence(1.5), 'What do you hear?'],
      ]
      const conversations = clips.map(([samples, text]) => [
        {
          role: 'user' as const,
          content: [
            { type: 'audio' as const, audio: [Float32Array.from(samples), rate] as [Float32Array<ArrayBuffer>, number] },
            { type: 'text' as const, text },
          ],
        },
      ])
      return (await llm.chat(conversations, { temperature: 0, max_tokens: 32 })).map(({ outputs: [first] }) => first?.text)
    })
    expect(answers).toEqual(['High.', 'Low.', 'Three.', 'Yes.', 'Silence.'])
  })
})
