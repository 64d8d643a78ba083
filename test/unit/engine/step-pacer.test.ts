import { describe, expect, it } from 'vitest'
import { MAX_STEPS, StepPacer } from '../../../src/engine/step-pacer.ts'

/** A pacer that has seen submits one after another, each of so many steps or tokens and milliseconds. */
function pacerAfter(kind: 'noteSteps' | 'noteTokens', submits: [count: number, milliseconds: number][]): StepPacer {
  const pacer = new StepPacer()
  let now = 1000
  for (const [count, milliseconds] of submits) {
    pacer[kind](count, now, now + milliseconds)
    now += milliseconds
  }
  return pacer
}

describe('StepPacer', () => {
  it('starts with one step, and then encodes about 10 ms ahead', () => {
    expect(new StepPacer().steps).toBe(1)
    expect(pacerAfter('noteSteps', [[1, 2]]).steps).toBe(5)
    expect(pacerAfter('noteSteps', [[1, 0.1]]).steps).toBe(MAX_STEPS)
    expect(pacerAfter('noteSteps', [[8, 800]]).steps).toBe(1)
  })

  it('follows a change of pace, but no single outlier', () => {
    const steady: [number, number][] = new Array(10).fill([4, 8])
    expect(pacerAfter('noteSteps', [...steady, [4, 16]]).steps).toBe(4)
    expect(pacerAfter('noteSteps', [...steady, ...new Array(20).fill([4, 16])]).steps).toBe(3)
  })

  it('does not count the time a submit waited for the one before it', () => {
    const pacer = new StepPacer()
    pacer.noteSteps(5, 0, 10)
    pacer.noteSteps(5, 1, 20)
    expect(pacer.steps).toBe(5)
  })

  it('keeps prompt chunks under about 100 ms, in powers of two and not below 64', () => {
    expect(new StepPacer().tokens).toBe(Number.POSITIVE_INFINITY)
    expect(pacerAfter('noteTokens', [[512, 200]]).tokens).toBe(256)
    expect(pacerAfter('noteTokens', [[512, 5000]]).tokens).toBe(64)
    expect(pacerAfter('noteTokens', [[16, 5000]]).tokens).toBe(Number.POSITIVE_INFINITY)
  })
})
