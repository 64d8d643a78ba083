import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ChatMessage, type ChatPart, LLM, type Prompt, type RequestOutput } from '../../src/index.ts'
import { rejection } from '../support/golden-model.ts'
import { inputUrl } from '../support/goldens.ts'
import { makeClip } from '../support/video-clip.ts'

const FRAMES = [0, 1, 2].map((i) => inputUrl(`video/square/frame_00${i}.png`))
const CUP = inputUrl('images/cup.png')
const GREEDY = { temperature: 0, max_tokens: 12, ignore_eos: true, logprobs: 0 }

const idsOf = ({ prompt_token_ids, outputs }: RequestOutput) => ({ prompt: prompt_token_ids, generated: outputs[0]?.token_ids })
const ask = (...content: ChatPart[]): ChatMessage[] => [{ role: 'user', content }]
const text: ChatPart = { type: 'text', text: 'What happens?' }
const asPicture = (image: string): ChatPart => ({ type: 'image', image })
const asClip = (video: string[]): ChatPart => ({ type: 'video', video })

interface Family {
  name: string
  clip: (number: number) => string
  picture: (number: number) => string
}

const FAMILIES: Family[] = [
  { name: 'llava', clip: () => '<video>', picture: () => '<image>' },
  { name: 'phi3_v', clip: (number) => `<|video_${number}|>`, picture: (number) => `<|image_${number}|>` },
]

for (const { name, clip, picture } of FAMILIES) {
  describe(`a clip for ${name}`, () => {
    let llm: LLM
    const open = (options: object = {}): Promise<LLM> =>
      LLM.create({ model: `/test/goldens/${name}/checkpoint`, dtype: 'float32', max_model_len: 256, max_num_seqs: 8, ...options })
    beforeAll(async () => {
      llm = await open()
    })
    afterAll(() => llm.dispose())

    const generate = async (prompt: Prompt) => idsOf((await llm.generate(prompt, GREEDY))[0] as RequestOutput)
    const chat = async (messages: ChatMessage[]) => idsOf((await llm.chat(messages, GREEDY))[0] as RequestOutput)

    it('in a conversation is its frames given as pictures, between others', async () => {
      const clips = await chat(ask(asPicture(CUP), asClip(FRAMES), text, asPicture(CUP)))
      const pictures = await chat(ask(asPicture(CUP), ...FRAMES.map(asPicture), text, asPicture(CUP)))
      expect(clips).toEqual(pictures)
      expect(clips.generated?.length).toBe(12)
    })

    it('in a text prompt is too, by its own placeholder or by its frames’', async () => {
      const image = [CUP, ...FRAMES]
      const tags = image.map((_, i) => picture(i + 1))
      const expected = await generate({ prompt: `USER: ${tags[0]}\n${tags.slice(1).join('\n')} What?`, multi_modal_data: { image } })
      const multi_modal_data = { image: CUP, video: FRAMES }
      expect(await generate({ prompt: `USER: ${picture(1)}\n${clip(1)} What?`, multi_modal_data })).toEqual(expected)
      expect(await generate({ prompt: `USER: ${tags[0]}\n${tags.slice(1).join('\n')} What?`, multi_modal_data })).toEqual(expected)
      const prompt_token_ids = expected.prompt as number[]
      expect(await generate({ prompt_token_ids, multi_modal_data })).toEqual(expected)
    })

    it('answers alike beside other requests', async () => {
      const conversations = [
        ask(asClip(FRAMES), text),
        ask(text),
        ask(asPicture(CUP), text),
        ask(asClip(FRAMES.slice(1)), text, asClip(FRAMES.slice(0, 1))),
      ]
      const alone: unknown[] = []
      for (const messages of conversations) alone.push(await chat(messages))
      expect(await Promise.all(conversations.map(chat))).toEqual(alone)
    })

    it('in a file gives num_frames pictures, by file, address and video_url, and by the engine’s media_io_kwargs', async () => {
      const file = new Blob([await makeClip({ frames: 24, container: 'mp4', codec: 'vp9', width: 64 })], { type: 'video/mp4' })
      const url = `data:video/mp4;base64,${btoa(Array.from(new Uint8Array(await file.arrayBuffer()), (byte) => String.fromCharCode(byte)).join(''))}`
      const media_io_kwargs = { video: { num_frames: 3 } }
      const run = async (part: ChatPart, using = llm, options: object = { media_io_kwargs }) =>
        idsOf((await using.chat(ask(part, text), GREEDY, options))[0] as RequestOutput)
      const fromFile = await run({ type: 'video', video: file })
      const pictures = await chat(ask(...FRAMES.map(asPicture), text))
      expect(fromFile.prompt).toEqual(pictures.prompt)
      expect(await run({ type: 'video_url', video_url: { url } })).toEqual(fromFile)
      const wire = { ...GREEDY, messages: ask({ type: 'video_url', video_url: { url } }, text), media_io_kwargs, return_token_ids: true }
      const body = JSON.stringify({ ...wire, logprobs: false })
      const headers = { 'content-type': 'application/json' }
      const answer = await (await llm.fetch('/v1/chat/completions', { method: 'POST', headers, body })).json()
      expect(answer.prompt_token_ids).toEqual(fromFile.prompt)
      expect(answer.choices[0].token_ids).toEqual(fromFile.generated)
      const other = await open({ media_io_kwargs: { video: { num_frames: 2 } } })
      const byEngine = await run({ type: 'video', video: file }, other, {})
      expect(byEngine.prompt?.length).toBeLessThan(fromFile.prompt?.length ?? 0)
      expect(await run({ type: 'video', video: file }, other)).toEqual(fromFile)
      await other.dispose()
    })

    it('is recalled by its uuid as it was read', async () => {
      const part = { type: 'video' as const, uuid: `clip of ${name}` }
      const first = await chat(ask({ ...part, video: FRAMES }, text))
      expect(await chat(ask(part as unknown as ChatPart, text))).toEqual(first)
      const otherwise = llm.chat(ask(part as unknown as ChatPart, text), GREEDY, { media_io_kwargs: { video: { num_frames: 2 } } })
      expect(await rejection(otherwise)).toMatch(/^InvalidRequestError: .*nothing is kept under its uuid/)
    })

    it('is refused when there is no room for its frames, no placeholder, or no leave', async () => {
      const many = Array.from({ length: 40 }, (_, i) => FRAMES[i % 3] as string)
      expect(await rejection(llm.chat(ask(asClip(many), text), GREEDY))).toMatch(
        /^ContextLengthError: The video has 40 frames, which this model takes as pictures of \d+ tokens each.*ask for at most \d+ frames/,
      )
      const bare = { prompt: 'What happens?', multi_modal_data: { video: FRAMES } }
      expect(await rejection(llm.generate(bare, GREEDY))).toMatch(
        /^InvalidRequestError: The prompt has 0 video placeholder\(s\) but multi_modal_data has 1/,
      )
      const strict = await open({ limit_mm_per_prompt: { video: 1 } })
      expect(await rejection(strict.chat(ask(asClip(FRAMES), asClip(FRAMES), text), GREEDY))).toMatch(/At most 1 video\(s\)/)
      await strict.dispose()
    })
  })
}

describe('a clip for VLM2Vec', () => {
  it('has the vector of its frames', async () => {
    const llm = await LLM.create({ model: '/test/goldens/vlm2vec/checkpoint', dtype: 'float32', task: 'embed', max_model_len: 512 })
    const embed = async (prompt: Prompt) => [...((await llm.embed(prompt))[0]?.outputs.embedding ?? [])]
    const tags = FRAMES.map((_, i) => `<|image_${i + 1}|>`).join('\n')
    const pictures = await embed({ prompt: `${tags} Represent the video.`, multi_modal_data: { image: FRAMES } })
    const clip = await embed({ prompt: '<|video_1|> Represent the video.', multi_modal_data: { video: FRAMES } })
    expect(clip).toEqual(pictures)
    expect(clip.length).toBeGreaterThan(1)
    await llm.dispose()
  })
})
