import { describe, expect, it } from 'vitest'
import { matvec } from '../../src/kernels/matvec.ts'
import { testGpu } from '../support/gpu.ts'
import { linearError, nameOf } from '../support/linear-case.ts'
import { activationCases, matvecCases } from '../support/matvec-cases.ts'

describe('matvec', () => {
  for (const c of [...matvecCases, ...activationCases]) {
    it(`equals the sum of products, ${nameOf(c)}`, async () => {
      const gpu = await testGpu()
      expect(await linearError(gpu, matvec, c)).toBeLessThan(1)
    })
  }
})
