import { describe, expect, it } from 'vitest'
import { readFrameSampling, sampleIndices } from '../../../src/media/video-sampling.ts'

describe('the frames of a clip', () => {
  // The places are numpy's: np.linspace(0, total - 1, count, dtype=int).
  const rows: [total: number, seconds: number, given: Record<string, unknown>, taken: number[]][] = [
    [5, 1, {}, [0, 1, 2, 3, 4]],
    [10, 1, { num_frames: 4 }, [0, 3, 6, 9]],
    [11, 1, { num_frames: 4 }, [0, 3, 6, 10]],
    [100, 4, { num_frames: 7 }, [0, 16, 33, 49, 66, 82, 99]],
    [30, 3, { num_frames: 2 }, [0, 29]],
    [30, 3, { num_frames: 1 }, [0]],
    [1, 0, {}, [0]],
    [30, 3, { num_frames: -1, fps: 1 }, [0, 14, 29]],
    [30, 3, { fps: 1.5 }, [0, 9, 19, 29]],
    [30, 3, { num_frames: 2, fps: 1.5 }, [0, 29]],
    [30, 3, { fps: 0.01 }, [0]],
    [3, 1, { num_frames: -1, fps: 60 }, [0, 1, 2]],
    [3, 1, { num_frames: null, fps: null, backend: 'opencv' }, [0, 1, 2]],
  ]
  for (const [total, seconds, given, taken] of rows)
    it(`are ${taken} of ${total} in ${seconds} s for ${JSON.stringify(given)}`, () => {
      expect(sampleIndices(total, seconds, readFrameSampling(given))).toEqual(taken)
    })

  it('are 32, spread over the clip, where nothing is said', () => {
    const taken = sampleIndices(1000, 40, readFrameSampling())
    expect([taken.length, taken[0], taken[1], taken[30], taken[31]]).toEqual([32, 0, 32, 966, 999])
  })

  it('never come twice or out of order', () => {
    for (let total = 1; total < 70; total++) {
      for (let count = 1; count < 70; count++) {
        const taken = sampleIndices(total, 1, { frames: count, fps: undefined })
        expect(taken.length).toBe(Math.min(total, count))
        expect(taken.every((at, i) => Number.isInteger(at) && at < total && (i === 0 || at > (taken[i - 1] as number)))).toBe(true)
      }
    }
  })

  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ num_frames: 0 }, /num_frames must be a whole number from 1 to 768, or -1 for all frames, got 0/],
    [{ num_frames: 769 }, /got 769/],
    [{ num_frames: 2.5 }, /got 2\.5/],
    [{ num_frames: -2 }, /got -2/],
    [{ num_frames: '8' }, /got "8"/],
    [{ fps: 0 }, /fps must be a number above 0, or -1/],
    [{ fps: Number.NaN }, /got NaN/],
    [{ fps: true }, /got true/],
  ]
  for (const [given, message] of wrong)
    it(`are refused for ${JSON.stringify(given)}`, () => {
      expect(() => readFrameSampling(given)).toThrow(message)
    })
})
