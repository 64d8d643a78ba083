import { describe, expect, it } from 'vitest'
import { maxError } from '../support/compare.ts'
import { decodeInWorker } from '../support/decode.ts'
import { openGolden, PICTURE, rejection } from '../support/golden-model.ts'
import { randomInts } from '../support/random.ts'

/** A PNG of opaque noise and its RGB. */
async function noise(width: number, height: number): Promise<{ blob: Blob; rgb: Uint8ClampedArray }> {
  const rgba = new Uint8ClampedArray(randomInts(9, width * height * 4, 256)).map((value, i) => (i % 4 === 3 ? 255 : value))
  const canvas = new OffscreenCanvas(width, height)
  canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0)
  return { blob: await canvas.convertToBlob({ type: 'image/png' }), rgb: rgba.filter((_, i) => i % 4 !== 3) }
}

describe('pictures of odd sizes', () => {
  for (const [width, height] of [
    [1, 1],
    [1, 10_000],
    [10_000, 1],
    [3, 600],
  ] as const) {
    it(`of ${width}×${height} are read byte for byte`, async () => {
      const { blob, rgb } = await noise(width, height)
      const decoded = await decodeInWorker({ kind: 'blob', blob })
      expect([decoded.width, decoded.height]).toEqual([width, height])
      expect(maxError(decoded.data, rgb)).toBe(0)
    })
  }

  it('are answered about, or refused with what to do, and the next request works', async () => {
    const llm = await openGolden()
    const about = async (width: number, height: number): Promise<number | undefined> => {
      const { blob } = await noise(width, height)
      const [output] = await llm.generate({ prompt: PICTURE, multi_modal_data: { image: blob } }, { max_tokens: 2, ignore_eos: true })
      return output?.outputs[0]?.token_ids.length
    }
    expect(await about(1, 1)).toBe(2)
    for (const [width, height] of [
      [1, 10_000],
      [10_000, 1],
      [1, 201],
    ] as const) {
      expect(await rejection(about(width, height))).toMatch(
        new RegExp(`^MediaError: .*${width}×${height} pixels, an aspect ratio above 200; crop it`),
      )
    }
    expect(await about(1, 200)).toBe(2)
    await llm.dispose()
  })
})
