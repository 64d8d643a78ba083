import { describe, expect, it } from 'vitest'
import { matvecSubgroup } from '../../src/kernels/matvec-subgroup.ts'
import { testGpu } from '../support/gpu.ts'
import { linearError, nameOf } from '../support/linear-case.ts'
import { matvecCases } from '../support/matvec-cases.ts'

describe('matvec-subgroup', () => {
  for (const c of matvecCases) {
    it(`equals the sum of products, ${nameOf(c)}`, async () => {
      const gpu = await testGpu()
      if (!gpu.subgroups) return
      expect(await linearError(gpu, matvecSubgroup, c)).toBeLessThan(1)
    })
  }
})
