import { describe, expect, it } from 'vitest'
import { createScratchPool } from '../../../src/gpu/scratch-pool.ts'
import { recordingGpu } from '../engine/recording-gpu.ts'

describe('the scratch pool', () => {
  it('rounds sizes up, but not past what the adapter allows a buffer', () => {
    const gpu = recordingGpu({ maxBufferSize: 4092, maxStorageBufferBindingSize: 4092 })
    const lease = createScratchPool(gpu).lease()
    expect(lease.take(3000).size).toBe(3072)
    expect(lease.take(4000).size).toBe(4092)
    expect(lease.take(4092).size).toBe(4092)
    expect(() => lease.take(4096)).toThrow('needs a buffer of 4096 bytes; the adapter allows 4092')
  })
})
