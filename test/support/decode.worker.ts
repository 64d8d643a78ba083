import { type DecodeOptions, decodeImage, type EncodedImage } from '../../src/media/decode.ts'

// Decoding as the engine does it: in a worker, without a document.
self.onmessage = async ({ data, ports: [port] }: MessageEvent<{ image: EncodedImage; options: DecodeOptions }>) => {
  try {
    port?.postMessage({ value: await decodeImage(data.image, data.options) })
  } catch (error) {
    const { name, message } = error as Error
    port?.postMessage({ error: { name, message } })
  }
}
