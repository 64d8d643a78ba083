import { describe, expect, it } from 'vitest'
import { framesAsPictures, onePictureEach } from '../../../src/engine/frames-as-pictures.ts'
import { clipTags as counted } from '../../../src/models/llava-processor.ts'
import { clipTags as numbered } from '../../../src/models/phi3-v-processor.ts'
import type { WirePart } from '../../../src/protocol/chat.ts'

const [image, video, text]: WirePart[] = [{ type: 'image' }, { type: 'video' }, { type: 'text', text: 'and' }]
const user = (...content: (WirePart | undefined)[]) => ({ role: 'user' as const, content: content as WirePart[] })
const typesOf = (messages: readonly { content: string | WirePart[] }[]) =>
  messages.map(({ content }) => (typeof content === 'string' ? content : content.map(({ type }) => type).join(' ')))

describe('clips in a conversation', () => {
  it('become one picture part per frame, in their order among the pictures', () => {
    const messages = [user(image, video, text), { role: 'assistant' as const, content: 'Yes.' }, user(video, image)]
    const { input, pictures } = framesAsPictures({ messages, chat: {} }, ['a', 'b'], [['c1', 'c2'], ['d']], counted)
    expect('messages' in input && typesOf(input.messages)).toEqual(['image image image text', 'Yes.', 'image image'])
    expect(pictures).toEqual(['a', 'c1', 'c2', 'd', 'b'])
  })

  it('are one picture each as long as their frames are not known', () => {
    const messages = [user(image, video, text), user(video)]
    expect(typesOf(onePictureEach({ messages, chat: {} }).messages)).toEqual(['image image text', 'image'])
  })
})

describe('clips in a text', () => {
  type Row = [what: string, prompt: string, images: string[], clips: string[][], tags: typeof counted, text: string, pictures: string[]]
  const rows: Row[] = [
    ['become a line per frame', '<video>\nWhat?', [], [['a', 'b']], counted, '<image>\n<image>\nWhat?', ['a', 'b']],
    [
      'stand in their order among the pictures',
      'I <image> II <video> III <image> IV <video>',
      ['1', '2'],
      [['a', 'b'], ['c']],
      counted,
      'I <image> II <image>\n<image> III <image> IV <image>',
      ['1', 'a', 'b', '2', 'c'],
    ],
    [
      'may be placed frame by frame, behind the pictures',
      '<image><image> <image>',
      ['1'],
      [['a'], ['b']],
      counted,
      '<image><image> <image>',
      ['1', 'a', 'b'],
    ],
    [
      'have numbers after the pictures',
      '<|video_2|> <|image_1|> <|video_1|>',
      ['1'],
      [['a', 'b'], ['c']],
      numbered,
      '<|image_4|> <|image_1|> <|image_2|>\n<|image_3|>',
      ['1', 'a', 'b', 'c'],
    ],
    [
      'may be placed by the frames’ numbers',
      '<|image_3|><|image_1|><|image_2|>',
      ['1'],
      [['a', 'b']],
      numbered,
      '<|image_3|><|image_1|><|image_2|>',
      ['1', 'a', 'b'],
    ],
  ]
  for (const [what, prompt, images, clips, tags, expected, order] of rows)
    it(what, () => {
      expect(framesAsPictures({ prompt }, images, clips, tags)).toEqual({ input: { prompt: expected }, pictures: order })
    })

  it('in ids have their placeholders behind the pictures’', () => {
    const input = { prompt_token_ids: [1, 2] }
    expect(framesAsPictures(input, ['1'], [['a'], ['b']], counted)).toEqual({ input, pictures: ['1', 'a', 'b'] })
  })

  it.each([
    ['none', 'What?', 1, counted, /has 0 video placeholder\(s\) but multi_modal_data has 1 video\(s\); write <video> for each video/],
    ['too few', '<video>', 2, counted, /has 1 video placeholder\(s\) but multi_modal_data has 2/],
    ['too many', '<video><video>', 1, counted, /has 2 video placeholder\(s\) but multi_modal_data has 1/],
    ['numbers missing', '<|video_2|>', 2, numbered, /has 1 video .* has 2 video\(s\); write <\|video_1\|> for the first video and so on/],
    ['fewer pictures than frames', '<image>', 1, counted, /or a picture's placeholder for each frame/],
  ])('are refused with %s', (_, prompt, clips, tags, message) => {
    const frames = Array.from({ length: clips }, () => ['a', 'b'])
    expect(() => framesAsPictures({ prompt }, [], frames, tags)).toThrow(message)
  })
})
