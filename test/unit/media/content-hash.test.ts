import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hashImages, hashSound, hashTensors } from '../../../src/media/content-hash.ts'

const image = (width: number, height: number, fill = 7) => ({ width, height, data: new Uint8Array(width * height * 3).fill(fill) })

describe('hashImages', () => {
  it('is SHA-256 over sizes and digests of the pixels', async () => {
    const part = Buffer.alloc(40)
    part.writeUInt32LE(2, 0)
    part.writeUInt32LE(3, 4)
    createHash('sha256').update(image(2, 3).data).digest().copy(part, 8)
    expect(await hashImages([image(2, 3)])).toBe(createHash('sha256').update(part).digest('hex'))
  })

  it('is equal for equal content, whatever holds it', async () => {
    const { width, height, data } = image(4, 4)
    expect(await hashImages([{ width, height, data: new Uint8ClampedArray(data) }])).toBe(await hashImages([image(4, 4)]))
    const inside = new Uint8Array(100)
    inside.set(data, 9)
    expect(await hashImages([{ width, height, data: inside.subarray(9, 9 + data.length) }])).toBe(await hashImages([image(4, 4)]))
  })

  it('differs with a pixel, the shape, the number of frames and their order', async () => {
    const changed = image(2, 3)
    changed.data[17] = 8
    const all = [[image(2, 3)], [changed], [image(3, 2)], [image(2, 3), image(2, 3)], [image(2, 3), changed], [changed, image(2, 3)]]
    expect(new Set(await Promise.all(all.map(hashImages))).size).toBe(all.length)
  })
})

describe('hashSound', () => {
  it('differs with a sample, the rate, the number of channels and their order', async () => {
    const [a, b] = [Float32Array.of(1, 2), Float32Array.of(1, -2)]
    const all = [
      { rate: 16_000, channels: [a] },
      { rate: 8000, channels: [a] },
      { rate: 16_000, channels: [b] },
      { rate: 16_000, channels: [a, b] },
      { rate: 16_000, channels: [b, a] },
    ]
    expect(new Set(await Promise.all(all.map(hashSound))).size).toBe(all.length)
    expect(await hashSound({ rate: 16_000, channels: [Float32Array.of(0, 1, 2).subarray(1)] })).toBe(await hashSound(all[0]!))
  })
})

describe('hashTensors', () => {
  it('differs with a value, a shape and a name, not with the order of names', async () => {
    const data = new Float32Array([1, 2, 3, 4])
    const a = await hashTensors({ x: { data, shape: [4] }, y: { data, shape: [2, 2] } })
    expect(await hashTensors({ y: { data, shape: [2, 2] }, x: { data, shape: [4] } })).toBe(a)
    expect(await hashTensors({ x: { data, shape: [2, 2] }, y: { data, shape: [2, 2] } })).not.toBe(a)
    expect(await hashTensors({ x: { data, shape: [4] }, z: { data, shape: [2, 2] } })).not.toBe(a)
    expect(await hashTensors({ x: { data: data.map((v) => -v), shape: [4] }, y: { data, shape: [2, 2] } })).not.toBe(a)
  })
})
