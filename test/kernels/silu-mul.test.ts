import { describe, expect, it } from 'vitest'
import { siluMul } from '../../src/kernels/silu-mul.ts'
import { siluMulReference } from '../reference/silu-mul.ts'
import { maxError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { randomFloats } from '../support/random.ts'

// One row; fewer values than threads; no multiple of them; Qwen2-VL-2B's MLP.
const cases = [
  { rows: 1, width: 4, gateSecond: false },
  { rows: 3, width: 12, gateSecond: true },
  { rows: 5, width: 420, gateSecond: false },
  { rows: 2, width: 8960, gateSecond: false },
  { rows: 3, width: 2048, gateSecond: true },
]

async function run(x: Float32Array, rows: number, width: number, gateSecond: boolean): Promise<ArrayLike<number>> {
  const gpu = await testGpu()
  const [actual] = await runOnce(gpu, (step) => [siluMul(step, upload(gpu, 'f32', [rows, 2 * width], x), { gateSecond })])
  return actual ?? []
}

describe('silu-mul', () => {
  for (const { rows, width, gateSecond } of cases) {
    it(`multiplies up by silu of gate, ${rows} × ${width}${gateSecond ? ', gate second' : ''}`, async () => {
      const x = randomFloats(1, rows * 2 * width, -8, 8)
      // Results are below 64. WGSL lets exp be off by 3 + 2·|x| units in the last place, here 19; a few more for the rest.
      const tolerance = 64 * 24 * 2 ** -23
      expect(maxError(await run(x, rows, width, gateSecond), siluMulReference(x, rows, width, gateSecond))).toBeLessThan(tolerance)
    })
  }

  it('stays finite for gates of any size', async () => {
    const gates = [-1e30, -200, -89, -88, 88, 200, 1e30, 0]
    const actual = await run(Float32Array.from([...gates, ...gates.map(() => 1)]), 1, 8, false)
    const expected = siluMulReference([...gates, ...gates.map(() => 1)], 1, 8, false)
    // Relative to 1e30 for the largest; the negative ones vanish below 1e-35 · 1e30.
    expect(maxError(Array.from(actual).slice(1, 6), expected.slice(1, 6))).toBeLessThan(200 * 2 ** -23)
    expect(Math.abs((actual[6] ?? 0) / 1e30 - 1)).toBeLessThan(4 * 2 ** -23)
    expect(Math.abs(actual[0] ?? Number.NaN)).toBeLessThan(1e-5)
  })
})
