import { describe, expect, it } from 'vitest'
import type { LoadTimes } from '../../../src/engine/load-times.ts'
import { loadWeights } from '../../../src/engine/weight-loader.ts'
import type { Checkpoint } from '../../../src/weights/checkpoint.ts'
import { fakeGpu } from './fake-gpu.ts'

const BYTES = 64 * 32 * 4

/** A checkpoint of one matrix, for whose bytes one waits. */
const checkpoint: Checkpoint = {
  tensors: new Map([['a.weight', { dtype: 'F32', shape: [64, 32], begin: 0, end: BYTES, file: 'model.safetensors' }]]),
  files: [],
  async streamTensors([wanted], onChunk) {
    for (let at = 0; at < BYTES; at += BYTES / 4) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      await onChunk(wanted?.name ?? '', at, new Uint8Array(BYTES / 4))
    }
  },
}

describe('times of loading', () => {
  it('add up, and count every byte', async () => {
    const times: LoadTimes = { total: 0, convert: 0, upload: 0, bytes: 0 }
    const options = { modelType: 'qwen2_vl', dtype: 'float16', quantization: 'q4', times } as const
    await loadWeights(fakeGpu(), checkpoint, (reader) => reader.linear({ name: 'a', rows: 64 }, 32, { role: 'layer' }), options)
    expect(times.bytes).toBe(BYTES)
    expect(times.convert).toBeGreaterThan(0)
    expect(times.upload).toBeGreaterThan(0)
    expect(times.convert + times.upload).toBeLessThan(times.total)
  })
})
