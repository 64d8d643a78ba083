import type { RgbImage } from './rgb-image.ts'
import type { Sound } from './sound.ts'

/**
 * The SHA-256 of a picture or clip as 64 hexadecimal digits: of its pixels and sizes, so that a file and a canvas with the same pixels
 * are the same content. images: one picture, or the frames of a clip in order. Needs a secure context, as WebGPU does.
 */
export async function hashImages(images: readonly RgbImage[]): Promise<string> {
  // Digests of digests: the pixels are hashed where they are, and no copy of a whole clip is made.
  const parts = new Uint8Array(images.length * 40)
  const view = new DataView(parts.buffer)
  for (const [i, { width, height, data }] of images.entries()) {
    view.setUint32(i * 40, width, true)
    view.setUint32(i * 40 + 4, height, true)
    parts.set(await sha256(data), i * 40 + 8)
  }
  return hex(await sha256(parts))
}

/** The SHA-256 of a sound, of its samples and rate, as 64 hexadecimal digits. */
export async function hashSound({ channels, rate }: Sound): Promise<string> {
  const digests = await Promise.all(channels.map((channel) => sha256(bytesOf(channel))))
  return hex(await sha256(new TextEncoder().encode([`${rate} Hz`, ...digests.map(hex)].join('\n'))))
}

/** The SHA-256 of arrays with their names and shapes, such as pre-computed embeddings, as 64 hexadecimal digits. */
export async function hashTensors(
  tensors: Readonly<Record<string, { data: Float32Array | Uint32Array | Int32Array; shape: readonly number[] }>>,
): Promise<string> {
  const names = Object.keys(tensors).sort()
  const digests = await Promise.all(names.map((name) => sha256(bytesOf(tensors[name]!.data))))
  const text = names.map((name, i) => `${name} [${tensors[name]!.shape.join()}] ${hex(digests[i]!)}`).join('\n')
  return hex(await sha256(new TextEncoder().encode(text)))
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength)

async function sha256(data: Uint8Array | Uint8ClampedArray): Promise<Uint8Array> {
  // digest() refuses shared memory, which a caller's typed array may lie in.
  const bytes = data.buffer instanceof ArrayBuffer ? (data as Uint8Array<ArrayBuffer>) : Uint8Array.from(data)
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
