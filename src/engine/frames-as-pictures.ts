import type { ClipTags, MediaKind } from '../models/family.ts'
import type { WireMessage, WirePart } from '../protocol/chat.ts'
import type { WirePrompt } from '../protocol/engine-api.ts'
import { invalidRequestError } from '../util/errors.ts'

/** A prompt whose clips have become pictures, and the pictures that it then has, in the order of their placeholders. */
export interface PicturePrompt<T> {
  readonly input: WirePrompt
  readonly pictures: readonly T[]
}

/** A conversation with one picture in place of each clip: what it is as long as nobody knows how many frames there are. */
export function onePictureEach<I extends WirePrompt>(input: I): I {
  if (!('messages' in input) || !Array.isArray(input.messages)) return input
  return { ...input, messages: mapParts(input.messages, (part) => [part.type === 'video' ? { type: 'image' } : part]) }
}

/**
 * Puts the frames of clips in as pictures: one picture part per frame into conversations, one placeholder per frame, in lines of their own,
 * into text that names its clips. Text and ids that name none have their placeholders already, first the pictures' and then the frames'.
 * Errors: InvalidRequestError when a text names other clips than there are.
 */
export function framesAsPictures<T>(
  input: WirePrompt,
  images: readonly T[],
  clips: readonly (readonly T[])[],
  tags: ClipTags,
): PicturePrompt<T> {
  if ('messages' in input) return intoMessages(input, images, clips)
  const behind = [...images, ...clips.flat()]
  if (!('prompt' in input)) return { input, pictures: behind }
  const named = clips.filter((_, i) => input.prompt.includes(tags.clip(i + 1))).length
  if (named === 0 && hasTags(input.prompt, behind.length, tags)) return { input, pictures: behind }
  const isNumbered = tags.clip(1) !== tags.clip(2)
  const found = isNumbered ? named : input.prompt.split(tags.clip(1)).length - 1
  if (found !== clips.length) {
    throw invalidRequestError(
      `The prompt has ${found} video placeholder(s) but multi_modal_data has ${clips.length} video(s); write ${tags.clip(1)} for ${isNumbered ? 'the first video and so on' : 'each video'}, or a picture's placeholder for each frame, or use chat messages.`,
    )
  }
  return isNumbered ? intoNumbered(input.prompt, images, clips, tags) : intoText(input.prompt, images, clips, tags)
}

function intoMessages<T>(
  input: Extract<WirePrompt, { messages: unknown }>,
  images: readonly T[],
  clips: readonly (readonly T[])[],
): PicturePrompt<T> {
  const given = { image: images.map((image) => [image]), video: clips }
  const next: Record<MediaKind, number> = { image: 0, video: 0, audio: 0 }
  const pictures: T[] = []
  const messages = mapParts(input.messages, (part): WirePart[] => {
    if (part.type !== 'image' && part.type !== 'video') return [part]
    const items = given[part.type][next[part.type]++] ?? []
    pictures.push(...items)
    return items.map(() => ({ type: 'image' }))
  })
  // Embeddings of several pictures may stand behind one part; who counts placeholders sees them then.
  return { input: { ...input, messages }, pictures: [...pictures, ...images.slice(next.image), ...clips.slice(next.video).flat()] }
}

const mapParts = (messages: readonly WireMessage[], change: (part: WirePart) => WirePart[]): WireMessage[] =>
  messages.map((message) => (Array.isArray(message.content) ? { ...message, content: message.content.flatMap(change) } : message))

/** Whether a text has placeholders for so many pictures. */
function hasTags(text: string, count: number, { picture }: ClipTags): boolean {
  if (picture(1) === picture(2)) return text.split(picture(1)).length - 1 === count
  return Array.from({ length: count }, (_, i) => picture(i + 1)).every((tag) => text.includes(tag))
}

/** Numbers say which picture is meant; the frames' come after the pictures'. */
function intoNumbered<T>(text: string, images: readonly T[], clips: readonly (readonly T[])[], tags: ClipTags): PicturePrompt<T> {
  let prompt = text
  let number = images.length
  for (const [i, frames] of clips.entries()) {
    prompt = prompt.replaceAll(tags.clip(i + 1), frames.map(() => tags.picture(++number)).join('\n'))
  }
  return { input: { prompt }, pictures: [...images, ...clips.flat()] }
}

/** Pictures are taken in the order in which their placeholders stand. */
function intoText<T>(text: string, images: readonly T[], clips: readonly (readonly T[])[], tags: ClipTags): PicturePrompt<T> {
  const [image, clip] = [tags.picture(1), tags.clip(1)]
  const pictures: T[] = []
  let taken = 0
  const pieces = text.split(clip).map((piece, i) => {
    const before = taken
    taken += piece.split(image).length - 1
    pictures.push(...images.slice(before, taken), ...(clips[i] ?? []))
    return piece + (clips[i] ?? []).map(() => image).join('\n')
  })
  return { input: { prompt: pieces.join('') }, pictures: [...pictures, ...images.slice(taken)] }
}
