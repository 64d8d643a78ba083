import { describe, expect, it } from 'vitest'
import type { Step } from '../../src/gpu/step.ts'
import type { Tensor } from '../../src/gpu/tensor.ts'
import type { tokenLogprobs } from '../../src/kernels/token-logprobs.ts'
import { gatedLinear, linear } from '../../src/layers/linear.ts'
import { layerNorm, rmsNorm } from '../../src/layers/norm.ts'
import { sample } from '../../src/layers/sampler.ts'
import { relativeError } from '../support/compare.ts'
import { runOnce, testGpu, upload } from '../support/gpu.ts'
import { packWeight } from '../support/pack-weight.ts'
import { randomFloats } from '../support/random.ts'

/** What `forward` gives with the workgroups for hardware and with those for SwiftShader. */
async function both(forward: (step: Step) => Tensor[]) {
  const gpu = await testGpu()
  return Promise.all([runOnce(gpu, forward, { software: false }), runOnce(gpu, forward, { software: true })])
}

// The kernels themselves are held against their references with the workgroups for hardware; here the others must agree with those.
describe('workgroups for software adapters', () => {
  const SHAPES: [format: 'f32' | 'f16' | 'q8' | 'q4', tokens: number, rows: number, cols: number][] = [
    ['f32', 1, 3, 36],
    ['f16', 1, 1792, 320],
    ['f16', 5, 67, 96],
    ['q8', 8, 130, 64],
    ['q4', 1, 4099, 64],
    ['q4', 19, 33, 160],
    ['f16', 70, 100, 64],
  ]
  for (const [format, tokens, rows, cols] of SHAPES) {
    it(`multiply alike: ${format}, ${tokens} × ${cols} → ${rows}`, async () => {
      const gpu = await testGpu()
      const { weight } = packWeight(gpu, format, rows, cols, randomFloats(1, rows * cols), randomFloats(2, rows))
      const x = upload(gpu, 'f32', [tokens, cols], randomFloats(3, tokens * cols))
      const [hardware, software] = await both((step) => [linear(step, x, weight, { activation: 'quick-gelu' })])
      // Sums of at most 320 products in another order.
      expect(relativeError(software[0] ?? [], hardware[0] ?? [])).toBeLessThan(1e-5)
    })
  }

  it('gate alike', async () => {
    const gpu = await testGpu()
    const { weight } = packWeight(gpu, 'f16', 128, 64, randomFloats(1, 128 * 64), undefined)
    for (const tokens of [1, 6, 40]) {
      const x = upload(gpu, 'f32', [tokens, 64], randomFloats(3, tokens * 64))
      const [hardware, software] = await both((step) => [gatedLinear(step, x, weight)])
      expect(relativeError(software[0] ?? [], hardware[0] ?? [])).toBeLessThan(1e-5)
    }
  })

  for (const width of [4, 60, 1028]) {
    it(`normalise alike, width ${width}`, async () => {
      const gpu = await testGpu()
      const x = upload(gpu, 'f32', [5, width], randomFloats(1, 5 * width, -3, 4))
      const [weight, bias] = [randomFloats(2, width), randomFloats(3, width)].map((v) => upload(gpu, 'f32', [width], v)) as [Tensor, Tensor]
      const [hardware, software] = await both((step) => [layerNorm(step, x, weight, bias, 1e-6), rmsNorm(step, x, weight, 1e-6)])
      expect(relativeError(software[0] ?? [], hardware[0] ?? [])).toBeLessThan(1e-5)
      expect(relativeError(software[1] ?? [], hardware[1] ?? [])).toBeLessThan(1e-5)
    })
  }

  for (const greedyOnly of [true, false]) {
    it(`${greedyOnly ? 'choose' : 'draw'} the same tokens and report the same log-probabilities`, async () => {
      const gpu = await testGpu()
      const logits = upload(gpu, 'f32', [6, 1152], randomFloats(4, 6 * 1152, -8, 8))
      const rows = (values: number[]) => Array.from({ length: 6 }, () => values).flat()
      const inputs = {
        params: upload(gpu, 'f32', [6, 8], rows([greedyOnly ? 0 : 1, 0.9, 40, 0.01, 1, 0, 0, 0])),
        seeds: upload(gpu, 'u32', [6, 2], rows([5, 6])),
        outputIndex: upload(gpu, 'u32', [6], [0, 1, 2, 3, 4, 5]),
        forced: upload(gpu, 'u32', [6], rows([0xffffffff])),
        bias: undefined,
        counts: undefined,
        mask: undefined,
        greedyOnly,
        logprobs: 3,
      }
      const [hardware, software] = await both((step) => {
        const { tokenIds, logprobs } = sample(step, logits, inputs)
        const { topIds, topLogprobs } = logprobs as ReturnType<typeof tokenLogprobs>
        return [tokenIds, topIds, topLogprobs]
      })
      expect(Array.from(software[0] ?? [])).toEqual(Array.from(hardware[0] ?? []))
      expect(Array.from(software[1] ?? [])).toEqual(Array.from(hardware[1] ?? []))
      expect(relativeError(software[2] ?? [], hardware[2] ?? [])).toBeLessThan(1e-5)
    })
  }
})
