import { describe, expect, it } from 'vitest'
import { decodePlaces } from '../../src/kernels/decode-places.ts'
import { decodePlaces as reference } from '../reference/decode-places.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { pagedBatch, uploadBatch } from '../support/paged-batch.ts'
import { randomFloats, randomInts } from '../support/random.ts'

const SHAPES: { cached: number[]; sections: [number, number, number] }[] = [
  { cached: [0], sections: [2, 0, 0] },
  { cached: [15, 16, 33], sections: [8, 12, 12] },
  { cached: [5, 70], sections: [36, 0, 0] },
  // Qwen2-VL's heads, 16 sequences.
  { cached: Array.from({ length: 16 }, (_, i) => 11 * i), sections: [16, 24, 24] },
  { cached: [3], sections: [65, 20, 5] },
]

describe('decode-places', () => {
  for (const { cached, sections } of SHAPES) {
    it(`finds page and angles of ${cached.length} tokens, sections ${sections}`, async () => {
      const gpu = await testGpu()
      const batch = pagedBatch(
        cached.map((count) => [count, 1]),
        4,
      )
      const tokens = cached.length
      const half = sections[0] + sections[1] + sections[2]
      const positions = randomInts(1, 3 * tokens, 50)
      const [cos, sin] = [randomFloats(2, 50 * half), randomFloats(3, 50 * half)]
      const [found = []] = await runOnce(gpu, (step) => [
        decodePlaces(
          step,
          { ...uploadBatch(gpu, batch), positions: upload(gpu, 'i32', [3, tokens], positions) },
          { cos: upload(gpu, 'f32', [50, half], cos), sin: upload(gpu, 'f32', [50, half], sin), sections },
        ),
      ])
      const floats = new Float32Array(Uint32Array.from(found).buffer)
      reference(batch, positions, { cos, sin, sections }).forEach((expected, token) => {
        const at = token * (2 + 2 * half)
        expect([found[at], found[at + 1]]).toEqual([expected.block, expected.slot])
        expect([...floats.subarray(at + 2, at + 2 + half)]).toEqual(expected.cos)
        expect([...floats.subarray(at + 2 + half, at + 2 + 2 * half)]).toEqual(expected.sin)
      })
    })
  }
})
