import type { ChatMessage, ChatPart, LLM, LogprobsAt, MultiModalData, Prompt, RequestOutput, SamplingParams } from '../../src/index.ts'

/** A tensor of a golden's computation: its statistics and some of its values at flat row-major places. */
export interface GoldenTensor {
  shape: number[]
  rms: number
  indices: number[]
  values: number[]
}

interface GoldenMedia {
  image?: string[] | { embeds_file: string; tensors: Record<string, string> }
  video?: { frames: string[] }[]
  audio?: string[]
}

/** One request and PyTorch's numbers for it; test/goldens/README.md describes the fields. */
export interface GoldenCase {
  name: string
  request: {
    prompt?: string
    messages?: { role: 'system' | 'user' | 'assistant'; content: string | { type: string; text?: string }[] }[]
    multi_modal_data?: GoldenMedia
    mm_processor_kwargs?: Record<string, unknown>
  }
  /** Of cases with messages: what the template makes of them. */
  rendered_prompt: string
  prompt_token_ids: number[]
  grid_thw?: Record<'image' | 'video', number[]>[]
  prompt_logprobs: { token: (number | null)[]; top_ids: (number[] | null)[]; top_logprobs: (number[] | null)[] }
  generated: { token_ids: number[]; text: string; logprobs: number[]; top_ids: number[][]; top_logprobs: number[][] }
  intermediates: Record<string, GoldenTensor>
}

export interface Golden {
  sampling_params: SamplingParams
  cases: GoldenCase[]
}

const ROOT = '/test/goldens'

/** A family's expected.json. */
export async function readGolden(family: string): Promise<Golden> {
  return (await fetch(`${ROOT}/${family}/expected.json`)).json()
}

/** An input file's address. */
export const inputUrl = (path: string): string => `${ROOT}/inputs/${path}`

/** Sends a case through the public API: chat() for messages, generate() for a prompt. */
export async function runCase(llm: LLM, family: string, golden: GoldenCase, sampling: SamplingParams): Promise<RequestOutput> {
  const { prompt, messages, multi_modal_data, mm_processor_kwargs } = golden.request
  const media = await mediaOf(family, multi_modal_data ?? {})
  const extras = mm_processor_kwargs ? { mm_processor_kwargs } : {}
  const [output] = messages
    ? await llm.chat(fillMessages(messages, media), sampling, extras)
    : await llm.generate({ prompt: prompt ?? '', multi_modal_data: media, ...extras } as Prompt, sampling)
  return output as RequestOutput
}

async function mediaOf(family: string, { image, video, audio }: GoldenMedia): Promise<MultiModalData> {
  const media: MultiModalData = {}
  if (Array.isArray(image)) media.image = image.map(inputUrl)
  else if (image) media.image = (await readTensors(`${ROOT}/${family}/${image.embeds_file}`, image.tensors)) as never
  if (video) media.video = video.map(({ frames }) => frames.map(inputUrl))
  if (audio) media.audio = audio.map(inputUrl)
  return media
}

/** What stands for a picture or a sound in messages of families whose templates take plain strings. */
const SOUND = /<\|audio\|>/g
const MARKERS = /<\|image_\d+\|>|\(<image>\.\/<\/image>\)|<image>/g

/** Puts the media into the parts that stand for them, in order, or behind the text that has markers for them. */
function fillMessages(messages: NonNullable<GoldenCase['request']['messages']>, media: MultiModalData): ChatMessage[] {
  const images = [...((media.image as string[] | undefined) ?? [])]
  const videos = [...((media.video as string[][] | undefined) ?? [])]
  const audios = [...((media.audio as string[] | undefined) ?? [])]
  return messages.map(({ role, content }) => {
    if (typeof content === 'string') {
      const marked = images.splice(0, content.match(MARKERS)?.length ?? 0).map((image): ChatPart => ({ type: 'image', image }))
      const heard = audios.splice(0, content.match(SOUND)?.length ?? 0).map((audio): ChatPart => ({ type: 'audio', audio }))
      const items = [...marked, ...heard]
      return { role, content: items.length === 0 ? content : [{ type: 'text', text: content }, ...items] }
    }
    const parts = content.map((part): ChatPart => {
      if (part.type === 'image') return { type: 'image', image: images.shift() ?? '' }
      if (part.type === 'video') return { type: 'video', video: videos.shift() ?? [] }
      return { type: 'text', text: part.text ?? '' }
    })
    return { role, content: parts }
  })
}

/** Tensors of a small safetensors file under new names; F32 and I64 only. */
async function readTensors(url: string, names: Record<string, string>): Promise<Record<string, { data: Float32Array; shape: number[] }>> {
  const bytes = await (await fetch(url)).arrayBuffer()
  const headerSize = Number(new DataView(bytes).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, headerSize)))
  return Object.fromEntries(
    Object.entries(names).map(([name, stored]) => {
      const { dtype, shape, data_offsets } = header[stored]
      const data = bytes.slice(8 + headerSize + data_offsets[0], 8 + headerSize + data_offsets[1])
      const values = dtype === 'I64' ? Float32Array.from(new BigInt64Array(data), Number) : new Float32Array(data)
      if (dtype !== 'I64' && dtype !== 'F32') throw new Error(`${stored} is ${dtype}`)
      return [name, { data: values, shape }]
    }),
  )
}

/**
 * The largest difference in log-probability over the chosen and the five likeliest tokens of `steps` places. Ranks may swap within
 * the tolerance, so values are compared by id, and an id that only one side lists is held against the other side's smallest.
 */
export function logprobError(actual: readonly (LogprobsAt | null)[], ids: (number[] | null)[], logprobs: (number[] | null)[]): number {
  let worst = 0
  ids.forEach((expectedIds, place) => {
    if (!expectedIds) return
    const found = actual[place] ?? {}
    const listed = Object.values(found).filter((entry) => entry.rank <= expectedIds.length)
    const lowest = Math.min(...listed.map((entry) => entry.logprob))
    expectedIds.forEach((id, rank) => {
      const expected = logprobs[place]?.[rank] ?? Number.NaN
      const difference = found[id] ? Math.abs(found[id].logprob - expected) : Math.max(0, expected - lowest)
      if (!(difference <= worst)) worst = difference
    })
  })
  return worst
}

/** Greedy steps up to the first whose two likeliest tokens lie closer than `gap`: as far as another precision must agree. */
export function firmSteps(golden: GoldenCase, gap: number): number {
  const close = golden.generated.top_logprobs.findIndex(([first = 0, second = 0]) => first - second < gap)
  return close < 0 ? golden.generated.token_ids.length : close
}
