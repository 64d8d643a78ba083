import { describe, expect, it } from 'vitest'
import { captureMedia } from '../../src/api/capture.ts'
import type { ImageInput, MultiModalData, PictureSource, VideoInput } from '../../src/api/media-types.ts'
import type { EncodedImage } from '../../src/media/decode.ts'
import type { RgbImage } from '../../src/media/rgb-image.ts'
import type { WireEmbeds, WireVideo } from '../../src/protocol/media.ts'
import { maxError } from '../support/compare.ts'
import { decodeInWorker, failure, golden } from '../support/decode.ts'
import { randomInts } from '../support/random.ts'
import { makeClip, numberOf } from '../support/video-clip.ts'

const WIDTH = 20
const HEIGHT = 12
/** Opaque noise, so that no canvas can lose anything. */
const noise = new Uint8ClampedArray(randomInts(5, WIDTH * HEIGHT * 4, 256)).map((value, i) => (i % 4 === 3 ? 255 : value))
const rgb = noise.filter((_, i) => i % 4 !== 3)
const imageData = () => new ImageData(noise.slice(), WIDTH, HEIGHT)

function paint<C extends HTMLCanvasElement | OffscreenCanvas>(canvas: C): C {
  canvas.width = WIDTH
  canvas.height = HEIGHT
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  context.putImageData(imageData(), 0, 0)
  return canvas
}

const canvasElement = () => paint(document.createElement('canvas'))

async function pngFile(): Promise<File> {
  const blob = await new Promise<Blob | null>((resolve) => canvasElement().toBlob(resolve))
  return new File([blob ?? ''], 'noise.png', { type: 'image/png' })
}

async function imageElement(source: Blob): Promise<HTMLImageElement> {
  const image = new Image()
  image.src = URL.createObjectURL(source)
  await image.decode()
  return image
}

type FramesOf = Extract<WireVideo, { kind: 'frames' }>

const first = (items: readonly unknown[] | undefined) => (items ?? [])[0]

/** Through capture, postMessage and the worker's decoder: what the engine will see. */
async function received(image: ImageInput): Promise<RgbImage> {
  const { media, transfer } = await captureMedia({ image })
  return decodeInWorker(media.image?.[0] as EncodedImage, {}, transfer)
}

/** Every 100 ms another shade of gray, until stopped. */
function movingCanvas(): { canvas: HTMLCanvasElement; stop: () => void } {
  const canvas = document.createElement('canvas')
  ;[canvas.width, canvas.height] = [32, 16]
  const context = canvas.getContext('2d') as CanvasRenderingContext2D
  let shade = 0
  const draw = () => {
    context.fillStyle = `rgb(${shade} ${shade} ${shade})`
    context.fillRect(0, 0, 32, 16)
    shade = Math.min(250, shade + 10)
  }
  draw()
  const timer = setInterval(draw, 100)
  return { canvas, stop: () => clearInterval(timer) }
}

async function shades(video: VideoInput): Promise<number[]> {
  const { media, transfer } = await captureMedia({ video })
  const shown: number[] = []
  for (const frame of (first(media.video) as FramesOf).frames) {
    const bitmaps = transfer.filter((item) => item === (frame as { bitmap?: unknown }).bitmap)
    shown.push((await decodeInWorker(frame as EncodedImage, {}, bitmaps)).data[0] ?? -1)
  }
  return shown
}

/** Some seconds of the moving canvas as a WebM file. */
async function recording(seconds: number): Promise<Blob> {
  const { canvas, stop } = movingCanvas()
  const recorder = new MediaRecorder(canvas.captureStream(10), { mimeType: 'video/webm;codecs=vp8' })
  const parts: Blob[] = []
  recorder.ondataavailable = ({ data }) => parts.push(data)
  const ended = new Promise((resolve) => (recorder.onstop = resolve))
  recorder.start()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  recorder.stop()
  await ended
  stop()
  return new Blob(parts, { type: 'video/webm' })
}

describe('pictures on their way to the worker', () => {
  const sources: [string, () => PictureSource | Promise<PictureSource>][] = [
    ['a canvas element', canvasElement],
    ['an OffscreenCanvas', () => paint(new OffscreenCanvas(1, 1))],
    ['an ImageBitmap', () => createImageBitmap(imageData())],
    ['ImageData', imageData],
    ['an img element', async () => imageElement(await pngFile())],
    ['a VideoFrame', () => new VideoFrame(canvasElement(), { timestamp: 0 })],
    ['a Blob', async () => new Blob([await pngFile()])],
    ['a File', pngFile],
    ['an object URL', async () => URL.createObjectURL(await pngFile())],
    ['a data URL', () => canvasElement().toDataURL('image/png')],
    ['a URL object', async () => new URL(URL.createObjectURL(await pngFile()))],
  ]
  it.each(sources)('%s arrives with its exact pixels, and can be used again', async (_name, make) => {
    const source = await make()
    for (let time = 0; time < 2; time++) {
      const { width, height, data } = await received(source)
      expect([width, height]).toEqual([WIDTH, HEIGHT])
      expect(maxError(data, rgb)).toBe(0)
    }
  })

  it('an address relative to the page is resolved there', async () => {
    const { media } = await captureMedia({ image: '/test/goldens/media/one.png' })
    expect(media.image).toEqual([{ kind: 'url', url: new URL('/test/goldens/media/one.png', location.href).href }])
  })

  it('an img element with an EXIF turn arrives upright', async () => {
    const image = await imageElement(await golden('media/exif6.jpg'))
    const upright = await decodeInWorker({ kind: 'blob', blob: await golden('media/exif6.jpg') })
    const { width, height, data } = await received(image)
    expect([width, height]).toEqual([17, 24])
    expect(maxError(data, upright.data)).toBe(0)
  })

  it('a canvas is taken as it was at the time of the call', async () => {
    const canvas = canvasElement()
    const pending = received(canvas)
    canvas.getContext('2d')?.clearRect(0, 0, WIDTH, HEIGHT)
    expect(maxError((await pending).data, rgb)).toBe(0)
  })

  it('an object URL may be revoked once the capture is done', async () => {
    const url = URL.createObjectURL(await pngFile())
    const { media, transfer } = await captureMedia({ image: [url] })
    URL.revokeObjectURL(url)
    const decoded = await decodeInWorker(media.image?.[0] as EncodedImage, {}, transfer)
    expect(maxError(decoded.data, rgb)).toBe(0)
  })

  it('many keep their order and their names', async () => {
    const { media } = await captureMedia({ image: [imageData(), canvasElement(), await pngFile()] }, { image: ['a', null, 'c'] })
    expect(media.image?.map(({ kind, uuid }) => [kind, uuid])).toEqual([
      ['rgba', 'a'],
      ['bitmap', undefined],
      ['blob', 'c'],
    ])
  })
})

describe('clips on their way to the worker', () => {
  it('a list of pictures is one clip, lists are several', async () => {
    const frames = [imageData(), canvasElement()]
    const one = await captureMedia({ video: frames })
    const two = await captureMedia({ video: [frames, [imageData()]] })
    expect(one.media.video?.map((clip) => (clip as FramesOf).frames.length)).toEqual([2])
    expect(two.media.video?.map((clip) => (clip as FramesOf).frames.length)).toEqual([2, 1])
  })

  it('files and addresses of clips and sound go as they are', async () => {
    const clip = new Blob([], { type: 'video/mp4' })
    const { media } = await captureMedia(
      { video: [clip, '/clip.mp4'], audio: ['data:audio/wav;base64,AAAA', clip] },
      { video: ['a', null] },
    )
    expect(media.video).toEqual([
      { kind: 'blob', blob: clip, uuid: 'a' },
      { kind: 'url', url: new URL('/clip.mp4', location.href).href },
    ])
    expect(media.audio?.map(({ kind }) => kind)).toEqual(['url', 'blob'])
  })

  it('content that the engine has seen goes as its name', async () => {
    const { media } = await captureMedia({ image: [imageData(), null], video: null }, { image: ['a', 'b'], video: 'c' })
    expect(media.image?.map(({ kind, uuid }) => [kind, uuid])).toEqual([
      ['rgba', 'a'],
      ['cached', 'b'],
    ])
    expect(media.video).toEqual([{ kind: 'cached', uuid: 'c' }])
  })

  it('JPEG frames in one data URL are taken apart', async () => {
    const jpeg = canvasElement().toDataURL('image/jpeg').split(',')[1]
    const { media } = await captureMedia({ video: `data:video/jpeg;base64,${jpeg},${jpeg},${jpeg}` })
    const { frames } = first(media.video) as FramesOf
    expect(frames.length).toBe(3)
    expect((await decodeInWorker(frames[2] as EncodedImage)).width).toBe(WIDTH)
  })

  it('a stream is watched for its duration at the rate asked for', async () => {
    const { canvas, stop } = movingCanvas()
    const stream = canvas.captureStream(30)
    const shown = await shades({ source: stream, duration: 0.8, fps: 5 })
    stop()
    expect(shown.length).toBe(4)
    expect([...shown].sort((a, b) => a - b)).toEqual(shown)
    expect(shown.at(-1)).toBeGreaterThan(shown[0] ?? 0)
    expect(stream.getVideoTracks()[0]?.readyState).toBe('live')
  })

  it('a video element with a file is sought through, and put back', async () => {
    const video = document.createElement('video')
    video.muted = true
    video.src = URL.createObjectURL(await recording(1.5))
    const shown = await shades({ source: video, duration: 1, fps: 4 })
    expect(shown.length).toBe(4)
    expect([...shown].sort((a, b) => a - b)).toEqual(shown)
    expect(shown.at(-1)).toBeGreaterThan((shown[0] ?? 0) + 20)
    expect(video.currentTime).toBe(0)
    // As a picture the element gives the frame it shows.
    video.currentTime = 0.5
    await new Promise((resolve) => video.addEventListener('seeked', resolve, { once: true }))
    expect(await received(video)).toMatchObject({ width: 32, height: 16 })
  })

  it('a video element gives the frames that the request’s media_io_kwargs ask for, unless its clip has a rate of its own', async () => {
    const video = document.createElement('video')
    video.src = URL.createObjectURL(new Blob([await makeClip({ frames: 40, fps: 10 })]))
    const rows: [reading: Record<string, unknown>, fps: number | undefined, numbers: number[]][] = [
      [{}, undefined, [0, 5, 10, 15, 20, 25, 30, 35]],
      [{ num_frames: 4 }, undefined, [0, 10, 20, 30]],
      [{ fps: 1 }, undefined, [0, 10, 20, 30]],
      [{ fps: 1, num_frames: 2 }, undefined, [0, 20]],
      [{ num_frames: -1, fps: 2 }, undefined, [0, 5, 10, 15, 20, 25, 30, 35]],
      [{ num_frames: 2, fps: 5 }, 1, [0, 10, 20, 30]],
    ]
    for (const [reading, fps, numbers] of rows) {
      const { media, transfer } = await captureMedia(
        { video: { source: video, ...(fps !== undefined && { fps }) } },
        {},
        undefined,
        false,
        reading,
      )
      const shown: number[] = []
      for (const frame of (first(media.video) as FramesOf).frames) {
        const bitmaps = transfer.filter((item) => item === (frame as { bitmap?: unknown }).bitmap)
        shown.push(numberOf(await decodeInWorker(frame as EncodedImage, {}, bitmaps)))
      }
      expect(shown).toEqual(numbers)
    }
  })

  it('a video element that has just loaded gives its first frame', async () => {
    const video = document.createElement('video')
    video.src = URL.createObjectURL(await recording(0.4))
    await new Promise((resolve) => video.addEventListener('loadeddata', resolve, { once: true }))
    expect((await received(video)).data[0]).toBeLessThan(10)
  })

  it('watching ends with AbortError when aborted', async () => {
    const { canvas, stop } = movingCanvas()
    const controller = new AbortController()
    const pending = captureMedia({ video: { source: canvas.captureStream(30), duration: 60 } }, {}, controller.signal)
    setTimeout(() => controller.abort(), 100)
    expect(await failure(pending)).toMatch(/^AbortError/)
    stop()
  })
})

describe('pre-computed features and sound', () => {
  it('features arrive as float32 with their shapes, from data with a shape and from nested lists', async () => {
    const data = new Float32Array([1, 2, 3, 4, 5, 6])
    const image = { image_embeds: { data, shape: [2, 3] }, image_grid_thw: [[1, 2, 4]] }
    const { media } = await captureMedia({
      image,
      video: {
        video_embeds: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      },
    })
    const { tensors } = first(media.image) as WireEmbeds
    expect(tensors).toEqual({
      image_embeds: { data, shape: [2, 3] },
      image_grid_thw: { data: new Float32Array([1, 2, 4]), shape: [1, 3] },
    })
    expect(tensors['image_embeds']?.data).not.toBe(data)
    expect((first(media.video) as WireEmbeds).tensors).toEqual({ video_embeds: { data, shape: [2, 3] } })
  })

  it('sound arrives with its channels and rate', async () => {
    const buffer = new AudioBuffer({ numberOfChannels: 2, length: 3, sampleRate: 22050 })
    buffer.copyToChannel(new Float32Array([1, 0, -1]), 1)
    const { media } = await captureMedia({ audio: [buffer, [new Float32Array([0.5]), 16000]] })
    expect(media.audio).toEqual([
      { kind: 'samples', channels: [new Float32Array(3), new Float32Array([1, 0, -1])], sampling_rate: 22050 },
      { kind: 'samples', channels: [new Float32Array([0.5])], sampling_rate: 16000 },
    ])
    expect((await captureMedia({ audio: [new Float32Array([0.5]), 16000] })).media.audio?.length).toBe(1)
  })
})

describe('what cannot be captured', () => {
  const closedBitmap = async () => {
    const bitmap = await createImageBitmap(imageData())
    bitmap.close()
    return bitmap
  }
  const closedFrame = () => {
    const frame = new VideoFrame(canvasElement(), { timestamp: 0 })
    frame.close()
    return frame
  }
  const brokenImage = () => Object.assign(new Image(), { src: 'data:image/png;base64,AAAA' })
  /** The same server under another name is another origin. */
  const foreignImage = async () => {
    const image = new Image()
    image.src = new URL('/test/goldens/media/rgb.png', location.href.replace('localhost', '127.0.0.1')).href
    await image.decode()
    return image
  }
  const foreignCanvas = async () => {
    const canvas = canvasElement()
    canvas.getContext('2d')?.drawImage(await foreignImage(), 0, 0)
    return canvas
  }
  const revoked = () => {
    const url = URL.createObjectURL(new Blob())
    URL.revokeObjectURL(url)
    return url
  }
  const table: [string, () => unknown, RegExp][] = [
    ['no object', () => 5, /^InvalidRequestError: multi_modal_data is 5; it must be an object/],
    [
      'an unknown modality',
      () => ({ images: [] }),
      /^InvalidRequestError: multi_modal_data\.images is not known; allowed are image, video, audio/,
    ],
    ['a number', () => ({ image: 5 }), /^InvalidRequestError: multi_modal_data\.image is 5; a picture may be/],
    [
      'bare bytes',
      () => ({ image: [imageData(), new Uint8Array(3)] }),
      /^InvalidRequestError: multi_modal_data\.image\[1\] is an? Uint8Array/,
    ],
    ['an empty canvas', () => ({ image: new OffscreenCanvas(0, 5) }), /^MediaError: multi_modal_data\.image is a canvas of 0×5/],
    ['a closed bitmap', async () => ({ image: await closedBitmap() }), /^MediaError: .*closed or transferred/],
    ['a closed frame', () => ({ image: closedFrame() }), /^MediaError: .*closed or transferred/],
    ['a broken img', () => ({ image: brokenImage() }), /^MediaError: .*could not be loaded/],
    ['an img of another origin', async () => ({ image: await foreignImage() }), /^MediaError: .*crossorigin="anonymous"/],
    ['a canvas that holds such an img', async () => ({ image: await foreignCanvas() }), /^MediaError: .*crossorigin="anonymous"/],
    ['a video without a frame', () => ({ image: document.createElement('video') }), /^MediaError: .*no frame yet/],
    ['a revoked address', () => ({ image: revoked() }), /^MediaError: .* is gone/],
    ['a picture for a clip', () => ({ video: canvasElement() as never }), /^MediaError: .* a single picture; a clip is a list of frames/],
    [
      'content left out without a name',
      () => ({ image: [null] }),
      /^InvalidRequestError: multi_modal_data\.image\[0\] is null; .*multi_modal_uuids/,
    ],
    ['a clip without frames', () => ({ video: [[]] }), /^InvalidRequestError: multi_modal_data\.video\[0\] has no frames/],
    ['a stream without a duration', () => ({ video: canvasElement().captureStream() }), /^InvalidRequestError: .*how many seconds/],
    ['a stream without pictures', () => ({ video: { source: new MediaStream(), duration: 1 } }), /^MediaError: .*without a video track/],
    [
      'a negative duration',
      () => ({ video: { source: canvasElement().captureStream(), duration: -1 } }),
      /^InvalidRequestError: .*duration is -1/,
    ],
    [
      'too many frames',
      () => ({ video: { source: canvasElement().captureStream(), duration: 100, fps: 30 } }),
      /^InvalidRequestError: .*at most 768/,
    ],
    ['ragged features', () => ({ image: { image_embeds: [[1, 2], [3]] } }), /^InvalidRequestError: .*image_embeds is ragged/],
    [
      'features that do not fill their shape',
      () => ({ image: { image_embeds: { data: [1], shape: [2] } } }),
      /^InvalidRequestError: .*has 1 values/,
    ],
    ['sound without a rate', () => ({ audio: [new Float32Array(4)] }), /^InvalidRequestError: .*sampling_rate/],
    ['silence of no length', () => ({ audio: [new Float32Array(0), 16000] }), /^InvalidRequestError: .*no samples/],
  ]
  it.each(table)('%s is refused by name and place', async (_name, make, message) => {
    expect(await failure(captureMedia((await make()) as MultiModalData))).toMatch(message)
  })

  it('names of contents must be as many as the items', async () => {
    expect(await failure(captureMedia({ image: [imageData(), imageData()] }, { image: 'one' }))).toMatch(/1 name\(s\) for 2 item\(s\)/)
  })
})
