import type { DecodeOptions, EncodedImage } from '../../src/media/decode.ts'
import type { RgbImage } from '../../src/media/rgb-image.ts'

const worker = new Worker(new URL('./decode.worker.ts', import.meta.url), { type: 'module' })

/** decodeImage in a worker; errors come back with their name and message. */
export function decodeInWorker(image: EncodedImage, options: DecodeOptions = {}, transfer: Transferable[] = []): Promise<RgbImage> {
  const { port1, port2 } = new MessageChannel()
  return new Promise((resolve, reject) => {
    port1.onmessage = ({ data }) => {
      port1.close()
      if (data.error) reject(Object.assign(new Error(data.error.message), { name: data.error.name }))
      else resolve(data.value)
    }
    worker.postMessage({ image, options }, [port2, ...transfer])
  })
}

/** A file of test/goldens. */
export async function golden(path: string): Promise<Blob> {
  const response = await fetch(`/test/goldens/${path}`)
  if (!response.ok) throw new Error(`/test/goldens/${path}: ${response.status}`)
  return response.blob()
}

/** The name and message of what a promise rejects with; undefined if it resolves. */
export async function failure(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    const { name, message } = error as Error
    return `${name}: ${message}`
  }
}
