import { abortError, mediaError, messageOf } from '../util/errors.ts'
import { type FetchMediaOptions, fetchMedia } from '../util/fetch-media.ts'
import { checkPixelCount, type ImageHeader, MAX_PIXELS, readImageHeader } from './image-header.ts'
import { orientationOf, orientImage } from './orient.ts'
import type { RgbImage } from './rgb-image.ts'

/** A picture as it reaches the worker. Bitmaps and frames are closed once they are read. */
export type EncodedImage =
  | { readonly kind: 'bitmap'; readonly bitmap: ImageBitmap }
  | { readonly kind: 'frame'; readonly frame: VideoFrame }
  | { readonly kind: 'rgba'; readonly data: Uint8ClampedArray; readonly width: number; readonly height: number }
  | { readonly kind: 'blob'; readonly blob: Blob }
  /** A file's bytes, which may be written to. */
  | { readonly kind: 'file'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'url'; readonly url: string }

/** Limits of a picture, and how it is turned. */
export interface DecodeOptions extends FetchMediaOptions {
  /** Most pixels, read from the file's header before it is decoded. Default 40 million. */
  maxPixels?: number
  /** Turns pictures as their EXIF says, as Hugging Face's load_image does. Default true. AVIF's own turning always applies. */
  exif?: boolean
}

type Named = DecodeOptions & { name: string; maxPixels: number }

// As the file stores it: no premultiplied alpha, no colour profile.
const asStored: ImageBitmapOptions = { premultiplyAlpha: 'none', colorSpaceConversion: 'none' }

/**
 * Decodes a picture once, at its own size, to the RGB bytes that Pillow's convert('RGB') gives: alpha is dropped and the colours under it
 * are kept, profiles are not applied, animations give their first frame. 16-bit channels keep their upper byte.
 * Errors: MediaError for what cannot be fetched, is no picture, is damaged or has too many pixels; AbortError.
 */
export async function decodeImage(image: EncodedImage, options: DecodeOptions = {}): Promise<RgbImage> {
  const named: Named = { ...options, name: options.name ?? 'The picture', maxPixels: options.maxPixels ?? MAX_PIXELS }
  try {
    throwIfAborted(named)
    if (image.kind === 'url') return await decodeFile(await fetchMedia(image.url, named), named)
    if (image.kind === 'file') return await decodeFile(image.bytes, named)
    if (image.kind === 'blob') return await decodeFile(await readBlob(image.blob, named), named)
    if (image.kind === 'rgba') return dropAlpha(image, named)
    return await decodeSurface(image, named)
  } finally {
    closeImage(image)
  }
}

/** Frees the pixels of a bitmap or frame that is not going to be decoded; decodeImage does so by itself. */
export function closeImage(image: EncodedImage): void {
  if (image.kind === 'bitmap') image.bitmap.close()
  if (image.kind === 'frame') image.frame.close()
}

async function readBlob(blob: Blob, { name }: Named): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer())
  } catch (error) {
    throw mediaError(`${name} could not be read (${messageOf(error)}); the file may have been moved or changed.`, error)
  }
}

async function decodeFile(bytes: Uint8Array<ArrayBuffer>, options: Named): Promise<RgbImage> {
  const { name, signal } = options
  const header = readImageHeader(bytes, name)
  checkPixelCount(header.width, header.height, options.maxPixels, name)
  throwIfAborted({ signal })
  const orientation = header.orientation?.value ?? 1
  clearMarks(bytes, header)
  const blob = new Blob([bytes], { type: `image/${header.format.toLowerCase()}` })
  const bitmap = await createImageBitmap(blob, asStored).catch((error: unknown) => {
    throw mediaError(
      `${name} is a damaged or incomplete ${header.format} file (${header.width}×${header.height}, ${bytes.length} bytes).`,
      error,
    )
  })
  throwIfAborted({ signal }, bitmap)
  const decoded = await readBitmap(bitmap)
  return options.exif === false ? decoded : orientImage(decoded, orientation)
}

/** Takes out of the file what browsers would act on and Pillow leaves to the caller, or browsers differ in. */
function clearMarks(bytes: Uint8Array, { orientation, transparencyAt }: ImageHeader): void {
  if (orientation) new DataView(bytes.buffer, bytes.byteOffset).setUint16(orientation.at, 1, orientation.littleEndian)
  // A transparent colour of a GIF would come as black.
  if (transparencyAt !== undefined) bytes[transparencyAt] = bytes[transparencyAt]! & 0xfe
}

async function decodeSurface(image: Extract<EncodedImage, { kind: 'bitmap' | 'frame' }>, options: Named): Promise<RgbImage> {
  const { name, maxPixels, signal } = options
  const surface = image.kind === 'bitmap' ? image.bitmap : image.frame
  const [width, height] =
    image.kind === 'bitmap' ? [image.bitmap.width, image.bitmap.height] : [image.frame.displayWidth, image.frame.displayHeight]
  if (width * height === 0) throw mediaError(`${name} was closed before it could be read; close a bitmap or frame only after the request.`)
  checkPixelCount(width, height, maxPixels, name)
  // A bitmap does not say whether its alpha is premultiplied; a copy that must not be is either undone or left as it was.
  const bitmap = await createImageBitmap(surface, asStored)
  throwIfAborted({ signal }, bitmap)
  return readBitmap(bitmap)
}

/**
 * The bitmap's RGB; closes it. Goes through a VideoFrame, whose bytes can be copied out as they are: a 2D canvas would premultiply and
 * lose the colours where alpha is low.
 */
async function readBitmap(bitmap: ImageBitmap): Promise<RgbImage> {
  try {
    return (await copyThroughFrame(bitmap)) ?? copyThroughCanvas(bitmap)
  } finally {
    bitmap.close()
  }
}

async function copyThroughFrame(bitmap: ImageBitmap): Promise<RgbImage | undefined> {
  if (typeof VideoFrame === 'undefined') return undefined
  const frame = new VideoFrame(bitmap, { timestamp: 0 })
  try {
    const order = frame.format?.slice(0, 3)
    const visible = frame.visibleRect
    if ((order !== 'RGB' && order !== 'BGR') || !visible) return undefined
    const data = new Uint8Array(frame.allocationSize())
    const [plane] = await frame.copyTo(data)
    const { width, height } = visible
    const rgb = packRgb({ data, width, height, offset: plane?.offset ?? 0, stride: plane?.stride ?? width * 4, reversed: order === 'BGR' })
    const { rotation = 0, flip = false } = frame as { rotation?: number; flip?: boolean }
    return orientImage(rgb, orientationOf(rotation, flip))
  } finally {
    frame.close()
  }
}

/** For browsers without VideoFrame; exact where alpha is 255. */
function copyThroughCanvas(bitmap: ImageBitmap): RgbImage {
  const { width, height } = bitmap
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })
  if (!context) throw mediaError(`The browser gave no canvas of ${width}×${height} pixels to read the picture from; scale it down first.`)
  context.drawImage(bitmap, 0, 0)
  const { data } = context.getImageData(0, 0, width, height)
  return packRgb({ data, width, height, offset: 0, stride: width * 4, reversed: false })
}

function dropAlpha(image: Extract<EncodedImage, { kind: 'rgba' }>, { name, maxPixels }: Named): RgbImage {
  const { data, width, height } = image
  if (!(width > 0 && height > 0) || data.length !== width * height * 4) {
    throw mediaError(
      `${name} is ${width}×${height} pixels with ${data.length} bytes; expected width × height × 4 RGBA bytes and sides above 0.`,
    )
  }
  checkPixelCount(width, height, maxPixels, name)
  return packRgb({ data, width, height, offset: 0, stride: width * 4, reversed: false })
}

interface Pixels {
  data: Uint8Array | Uint8ClampedArray
  width: number
  height: number
  /** bytes */
  offset: number
  stride: number
  /** Blue first. */
  reversed: boolean
}

function packRgb({ data, width, height, offset, stride, reversed }: Pixels): RgbImage {
  const rgb = new Uint8Array(width * height * 3)
  const [red, blue] = reversed ? [2, 0] : [0, 2]
  let to = 0
  for (let y = 0; y < height; y++) {
    let from = offset + y * stride
    for (let x = 0; x < width; x++, from += 4) {
      rgb[to++] = data[from + red]!
      rgb[to++] = data[from + 1]!
      rgb[to++] = data[from + blue]!
    }
  }
  return { width, height, data: rgb }
}

function throwIfAborted({ signal }: Pick<DecodeOptions, 'signal'>, opened?: ImageBitmap): void {
  if (!signal?.aborted) return
  opened?.close()
  throw abortError()
}
