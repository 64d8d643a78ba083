import type { WireImage } from '../protocol/media.ts'
import { invalidRequestError, mediaError, messageOf } from '../util/errors.ts'
import { captureFile } from './capture-file.ts'
import { type Captured, describe, tagOf } from './captured.ts'
import { currentFrame, otherOrigin } from './current-frame.ts'
import type { PictureSource } from './media-types.ts'

type Capture = (source: never, at: string) => Promise<Captured<WireImage>>

// No premultiplied alpha, no colour conversion: the worker reads these bytes as they are.
const asStored: ImageBitmapOptions = { premultiplyAlpha: 'none', colorSpaceConversion: 'none' }

const captures: Readonly<Record<string, Capture>> = {
  HTMLCanvasElement: captureCanvas,
  OffscreenCanvas: captureCanvas,
  ImageBitmap: captureBitmap,
  ImageData: captureImageData,
  HTMLImageElement: captureImageElement,
  HTMLVideoElement: captureVideoElement,
  VideoFrame: captureFrame,
  Blob: captureFile,
  File: captureFile,
  URL: captureFile,
  String: captureFile,
}

/** Whether captureImage takes this value. */
export const isPicture = (value: unknown): value is PictureSource => tagOf(value) in captures

/**
 * Takes a picture out of what holds it, without decoding files. The source stays usable, and canvases and frames are copied before this
 * returns. at: the picture's place in the request, for errors. Errors: InvalidRequestError for other values; MediaError for a source that is
 * empty, closed, not loaded or of another origin.
 */
export async function captureImage(source: PictureSource, at: string, uuid?: string | null): Promise<Captured<WireImage>> {
  const capture = captures[tagOf(source)]
  if (!capture) throw invalidRequestError(`${at} is ${describe(source)}; a picture may be a ${allowed}, or a URL or data URL as a string.`)
  const { wire, transfer } = await capture(source as never, at)
  return { wire: uuid ? { ...wire, uuid } : wire, transfer }
}

const allowed = 'canvas, OffscreenCanvas, ImageBitmap, ImageData, img or video element, VideoFrame, Blob, File or URL object'

async function captureCanvas(canvas: HTMLCanvasElement | OffscreenCanvas, at: string): Promise<Captured<WireImage>> {
  if (canvas.width * canvas.height === 0)
    throw mediaError(`${at} is a canvas of ${canvas.width}×${canvas.height} pixels; both sides must be above 0.`)
  return copyToBitmap(canvas, at)
}

async function captureBitmap(bitmap: ImageBitmap, at: string): Promise<Captured<WireImage>> {
  if (bitmap.width * bitmap.height === 0)
    throw mediaError(`${at} is an ImageBitmap that has been closed or transferred; hand it in before that.`)
  return copyToBitmap(bitmap, at)
}

async function captureImageData(image: ImageData, at: string): Promise<Captured<WireImage>> {
  const { data, width, height } = image
  // Canvases can also give 16-bit floats.
  if (!(data instanceof Uint8ClampedArray)) return copyToBitmap(image, at)
  const copy = data.slice()
  return { wire: { kind: 'rgba', data: copy, width, height }, transfer: [copy.buffer] }
}

async function captureImageElement(element: HTMLImageElement, at: string): Promise<Captured<WireImage>> {
  // Rejects for a source that is missing or broken, and waits for one that is loading.
  if (!element.complete || element.naturalWidth === 0) {
    await element.decode().catch((error: unknown) => {
      throw mediaError(
        `${at} is an img element whose picture ${element.currentSrc || '(no src)'} could not be loaded (${messageOf(error)}).`,
        error,
      )
    })
  }
  return copyToBitmap(element, at)
}

async function captureVideoElement(video: HTMLVideoElement, at: string): Promise<Captured<WireImage>> {
  if (video.readyState < HAVE_CURRENT_DATA || video.videoWidth === 0) {
    throw mediaError(`${at} is a video element that has no frame yet (readyState ${video.readyState}); wait for its loadeddata event.`)
  }
  if (typeof VideoFrame === 'undefined') return copyToBitmap(video, at)
  const frame = await currentFrame(video, at)
  return { wire: { kind: 'frame', frame }, transfer: [frame] }
}

const HAVE_CURRENT_DATA = 2

async function captureFrame(source: VideoFrame, at: string): Promise<Captured<WireImage>> {
  try {
    const frame = source.clone()
    return { wire: { kind: 'frame', frame }, transfer: [frame] }
  } catch (error) {
    throw mediaError(`${at} is a VideoFrame that has been closed or transferred; hand it in before that.`, error)
  }
}

async function copyToBitmap(source: ImageBitmapSource, at: string): Promise<Captured<WireImage>> {
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(source, asStored)
  } catch (error) {
    throw mediaError(`${at}: the ${tagOf(source)} could not be read (${messageOf(error)}).`, error)
  }
  checkOrigin(bitmap, at)
  return { wire: { kind: 'bitmap', bitmap }, transfer: [bitmap] }
}

/** Pixels of another origin make a bitmap that cannot be posted to a worker; only reading it tells. */
function checkOrigin(bitmap: ImageBitmap, at: string): void {
  if (typeof VideoFrame === 'undefined') return
  try {
    new VideoFrame(bitmap, { timestamp: 0 }).close()
  } catch (error) {
    bitmap.close()
    throw mediaError(otherOrigin(at, messageOf(error)), error)
  }
}
