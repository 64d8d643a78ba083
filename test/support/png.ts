import type { RgbImage } from '../../src/media/rgb-image.ts'

/** A PNG as its file stores it: 8-bit samples, 1 (gray or palette index), 2, 3 or 4 to a pixel. */
interface Stored {
  width: number
  height: number
  colourType: number
  samples: Uint8Array
  palette: Uint8Array
}

/**
 * Reads an 8-bit PNG (gray, RGB, RGBA, gray with alpha, palette; not interlaced) to RGB without a browser's decoder; alpha is dropped.
 * Runs in Node and in browsers.
 */
export async function decodeRgb(file: Uint8Array<ArrayBuffer>): Promise<RgbImage> {
  const { width, height, colourType, samples, palette } = await decodeStored(file)
  const channels = channelsOf(colourType)
  const data = new Uint8Array(width * height * 3)
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      const sample = samples[pixel * channels + (channels < 3 ? 0 : channel)]!
      data[pixel * 3 + channel] = colourType === 3 ? palette[sample * 3 + channel]! : sample
    }
  }
  return { width, height, data }
}

async function decodeStored(file: Uint8Array<ArrayBuffer>): Promise<Stored> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const parts: Uint8Array<ArrayBuffer>[] = []
  let palette: Uint8Array = new Uint8Array(0)
  for (let at = 8; at < file.length; at += 12 + view.getUint32(at)) {
    const type = new TextDecoder('latin1').decode(file.subarray(at + 4, at + 8))
    const body = file.subarray(at + 8, at + 8 + view.getUint32(at))
    if (type === 'PLTE') palette = body
    if (type === 'IDAT') parts.push(body)
  }
  const [width, height, colourType] = [view.getUint32(16), view.getUint32(20), view.getUint8(25)]
  if (view.getUint8(24) !== 8 || view.getUint8(28) !== 0) throw new Error('Only 8-bit PNGs that are not interlaced can be read here.')
  const packed = new Response(new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate')))
  const filtered = new Uint8Array(await packed.arrayBuffer())
  return { width, height, colourType, samples: unfilter(filtered, width, height, channelsOf(colourType)), palette }
}

function channelsOf(colourType: number): number {
  const channels = ({ 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 } as Record<number, number>)[colourType]
  if (!channels) throw new Error(`PNG colour type ${colourType} does not exist.`)
  return channels
}

/** Undoes the per-row filters of the PNG specification, section 9. */
function unfilter(filtered: Uint8Array, width: number, height: number, channels: number): Uint8Array {
  const stride = width * channels
  const out = new Uint8Array(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = filtered[y * (stride + 1)]!
    for (let i = 0; i < stride; i++) {
      const left = i >= channels ? out[y * stride + i - channels]! : 0
      const up = y > 0 ? out[(y - 1) * stride + i]! : 0
      const corner = y > 0 && i >= channels ? out[(y - 1) * stride + i - channels]! : 0
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]
      if (guess === undefined) throw new Error(`PNG filter ${filter} does not exist.`)
      out[y * stride + i] = filtered[y * (stride + 1) + 1 + i]! + guess
    }
  }
  return out
}

function paeth(left: number, up: number, corner: number): number {
  const [dl, du, dc] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)]
  if (dl <= du && dl <= dc) return left
  return du <= dc ? up : corner
}
