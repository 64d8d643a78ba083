import { describe, expect, it } from 'vitest'
import { recordProgram } from '../../../src/gpu/program.ts'
import { createScratchPool } from '../../../src/gpu/scratch-pool.ts'
import type { Tensor } from '../../../src/gpu/tensor.ts'
import { siluMul } from '../../../src/kernels/silu-mul.ts'
import { recordingGpu } from '../engine/recording-gpu.ts'

/** A program with an input of `rows` × 512 values and an output of half of that. */
async function record(rows: number): Promise<{ dispatches: number; bytes: number }> {
  const gpu = recordingGpu({ maxBufferSize: 1 << 20, maxStorageBufferBindingSize: 1 << 16 })
  const x: Tensor = gpu.allocate('f32', [rows, 512], 'x')
  const before = gpu.counters.bytes
  try {
    const program = await recordProgram(gpu, createScratchPool(gpu), (step) => siluMul(step, x))
    return { dispatches: program.dispatchCount, bytes: gpu.counters.bytes - before }
  } catch (error) {
    expect(gpu.counters.bytes).toBe(before)
    throw error
  }
}

describe('a program', () => {
  it('may bind as much at once as the adapter allows', async () => {
    expect((await record(32)).dispatches).toBe(1)
  })

  it('is refused, with what to do, when a tensor is larger than that; nothing is kept of it', async () => {
    await expect(record(33)).rejects.toThrow(
      /^Out of GPU memory: silu-mul needs 67584 bytes of .* \[33,512\] at once.* allows 65536; send smaller pictures/,
    )
    await expect(record(33)).rejects.toMatchObject({ name: 'OutOfMemoryError' })
  })
})
