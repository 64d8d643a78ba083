import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImageInput, LLM } from '../../src/index.ts'
import { golden } from '../support/decode.ts'
import { openGolden, PICTURE, rejection } from '../support/golden-model.ts'

interface Case {
  file: string
  width: number
  height: number
  /** Levels that a lossy picture's decoders may differ by. */
  tolerance: number
  /** Pillow's pixels, base64. */
  rgb: string
}

const { cases } = JSON.parse(await (await golden('media/expected.json')).text()) as { cases: Case[] }
const SAMPLING = { temperature: 0, max_tokens: 4, ignore_eos: true, logprobs: 3 }
/** Enough pixels that every one of these small pictures counts. */
const ENLARGED = { min_pixels: 23_520 }

/** The picture as Pillow reads it. */
function pillows({ width, height, rgb }: Case): ImageData {
  const bytes = atob(rgb)
  const data = new Uint8ClampedArray(width * height * 4).fill(255)
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) data[4 * i + c] = bytes.charCodeAt(3 * i + c)
  return new ImageData(data, width, height)
}

let llm: LLM
beforeAll(async () => {
  llm = await openGolden({ enable_prefix_caching: false })
})
afterAll(() => llm.dispose())

async function ask(image: ImageInput) {
  const prompt = { prompt: `${PICTURE}What?`, multi_modal_data: { image }, mm_processor_kwargs: ENLARGED }
  const [output] = await llm.generate(prompt, SAMPLING)
  const [completion] = output?.outputs ?? []
  const logprobs = (completion?.logprobs ?? []).map((place) => place ?? {})
  return { prompt: output?.prompt_token_ids, ids: completion?.token_ids, logprobs }
}

type Answer = Awaited<ReturnType<typeof ask>>

/** The largest difference of the chosen tokens' log-probabilities. */
const gap = (a: Answer, b: Answer): number =>
  Math.max(...(a.ids ?? []).map((id, i) => Math.abs((a.logprobs[i]?.[id]?.logprob ?? 99) - (b.logprobs[i]?.[id]?.logprob ?? -99))))

describe('a picture file is answered as Pillow’s pixels of it are', () => {
  for (const each of cases)
    it(each.file, async () => {
      const [found, expected] = [await ask(await golden(`media/${each.file}`)), await ask(pillows(each))]
      expect(found.prompt).toEqual(expected.prompt)
      expect(found.ids).toEqual(expected.ids)
      if (each.tolerance === 0) expect(found.logprobs).toEqual(expected.logprobs)
      // A level on every pixel moves this checkpoint's answers by 0.09.
      else expect(gap(found, expected)).toBeLessThanOrEqual(0.1 * each.tolerance)
    })

  it('which is another one than that of the picture as it lies in the file, or of its other colours', async () => {
    const answerTo = (file: string): Promise<Answer> => ask(pillows(cases.find((each) => each.file === file) as Case))
    const upright = await answerTo('exif1.jpg')
    for (const file of ['exif2.jpg', 'exif3.jpg', 'exif6.jpg', 'gray.jpg']) expect(gap(await answerTo(file), upright)).toBeGreaterThan(0.3)
  })
})

describe('what is no picture is refused, and the next one answered', () => {
  const part = async (file: string, share: number): Promise<Blob> => {
    const blob = await golden(`media/${file}`)
    return blob.slice(0, Math.floor(blob.size * share), blob.type)
  }
  const overwritten = async (file: string, from: number, to: number): Promise<Blob> => {
    const bytes = new Uint8Array(await (await golden(`media/${file}`)).arrayBuffer())
    return new Blob([bytes.fill(0xaa, from, to)])
  }
  /** A PNG's head that says how large it is. */
  const huge = (width: number, height: number): Blob => {
    const view = new DataView(new ArrayBuffer(33))
    for (const [i, byte] of [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52].entries()) view.setUint8(i, byte)
    view.setUint32(16, width)
    view.setUint32(20, height)
    view.setUint16(24, 0x0806)
    return new Blob([view.buffer])
  }
  const text = (words: string, type: string) => () => new Blob([words], { type })

  const rows: [what: string, file: () => Blob | Promise<Blob>, message: RegExp][] = [
    ['nothing', () => new Blob([]), /The image is empty \(0 bytes\); allowed are PNG/],
    ['an HTML page that calls itself a PNG', text('<!doctype html><p>404', 'image/png'), /an HTML page/],
    ['a drawing', text('<svg xmlns="http://www.w3.org/2000/svg"/>', 'image/svg+xml'), /an SVG drawing/],
    ['a document', text('%PDF-1.7', 'image/jpeg'), /a PDF document/],
    ['a sound', () => golden('inputs/audio/chirp.wav'), /a WAV file/],
    ['a clip', () => golden('inputs/video/clips/b-frames.mp4'), /a video or sound file/],
    ['a clip of another container', () => golden('inputs/video/clips/mpeg4.avi'), /an AVI file/],
    ['half a PNG', () => part('rgb.png', 0.5), /damaged or incomplete PNG file \(24×17, \d+ bytes\)/],
    ['half an interlaced PNG', () => part('rgba-interlaced.png', 0.5), /damaged or incomplete PNG/],
    ['half a JPEG', () => part('444.jpg', 0.6), /JPEG/],
    ['half a progressive JPEG', () => part('progressive.jpg', 0.6), /JPEG/],
    ['half a WebP', () => part('lossy.webp', 0.5), /WebP/],
    ['half a GIF', () => part('animated.gif', 0.2), /GIF/],
    ['half a BMP', () => part('rgb.bmp', 0.5), /damaged or incomplete BMP/],
    ['half an AVIF', () => part('lossy.avif', 0.6), /AVIF/],
    ['a PNG that ends within its head', () => part('rgb.png', 0.01), /ends within its header/],
    ['a PNG of which a part is overwritten', () => overwritten('rgb16.png', 60, 600), /damaged or incomplete PNG/],
    ['a picture of 400 million pixels', () => huge(20_000, 20_000), /20000×20000 pixels \(400 million\); at most 40 million/],
    ['a picture a line high and a billion pixels long', () => huge(2 ** 30, 1), /1073741824×1 pixels/],
    ['a picture without pixels', () => huge(0, 5), /0×5 pixels; both sides must be above 0/],
  ]
  for (const [what, file, message] of rows)
    it(what, async () => {
      const refused = await rejection(ask(await file()))
      expect(refused).toMatch(/^MediaError: The image is /)
      expect(refused).toMatch(message)
      expect((await ask(await golden('media/one.png'))).ids?.length).toBe(SAMPLING.max_tokens)
    })
})
