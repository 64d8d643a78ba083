import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fourierTransform } from '../../../src/media/fourier.ts'
import { logMel, melFilters } from '../../../src/media/log-mel.ts'
import { resample } from '../../../src/media/resample.ts'
import { mixToMono } from '../../../src/media/sound.ts'
import { decodeWav } from '../../../src/media/wav.ts'
import { randomFloats } from '../../support/random.ts'

const GOLDENS = new URL('../../goldens/', import.meta.url)

interface GoldenTensor {
  shape: number[]
  indices: number[]
  values: number[]
}
interface GoldenCase {
  name: string
  request: { multi_modal_data?: { audio?: string[] } }
  intermediates: Record<string, GoldenTensor>
}

const readJson = async (path: string) => JSON.parse(await readFile(new URL(path, GOLDENS), 'utf8'))
const { cases } = (await readJson('ultravox/expected.json')) as { cases: GoldenCase[] }

async function clip(path: string): Promise<Float32Array> {
  const sound = decodeWav(await readFile(new URL(`inputs/${path}`, GOLDENS)))
  return resample(mixToMono(sound), sound.rate, 16_000)
}

/** The largest difference at the golden's places. */
const worst = ({ indices, values }: GoldenTensor, actual: (at: number) => number): number =>
  Math.max(...indices.map((at, i) => Math.abs(actual(at) - (values[i] ?? Number.NaN))))

describe('fourierTransform', () => {
  for (const length of [1, 2, 7, 12, 400]) {
    it(`agrees with the sum it stands for, ${length} values`, () => {
      const [a, b] = [randomFloats(1, length), randomFloats(2, length)]
      const [re, im] = [Float64Array.from(a), Float64Array.from(b)]
      fourierTransform(length).run(re, im)
      for (let t = 0; t < length; t++) {
        let [x, y] = [0, 0]
        for (let n = 0; n < length; n++) {
          const angle = (-2 * Math.PI * ((n * t) % length)) / length
          x += (a[n] ?? 0) * Math.cos(angle) - (b[n] ?? 0) * Math.sin(angle)
          y += (a[n] ?? 0) * Math.sin(angle) + (b[n] ?? 0) * Math.cos(angle)
        }
        expect(re[t]).toBeCloseTo(x, 10)
        expect(im[t]).toBeCloseTo(y, 10)
      }
    })
  }
})

describe('melFilters', () => {
  it('are Slaney’s', async () => {
    const table = (await readJson('tables/mel_filters_80.json')) as { filters: { start: number; values: number[] }[] }
    const filters = melFilters(80)
    expect(filters.length).toBe(table.filters.length)
    for (const [i, { start, values }] of table.filters.entries()) {
      const dense = new Array(201).fill(0)
      filters[i]?.weights.forEach((weight, k) => {
        dense[(filters[i]?.first ?? 0) + k] = weight
      })
      for (const [k, value] of values.entries()) expect(dense[start + k]).toBeCloseTo(value, 12)
      // What the table leaves out is nothing but rounding at a triangle's foot.
      expect(dense.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(
        values.reduce((sum, value) => sum + value, 0),
        12,
      )
    }
  })
})

describe('logMel', () => {
  for (const { name, request, intermediates } of cases) {
    for (const [i, path] of (request.multi_modal_data?.audio ?? []).entries()) {
      it(`agrees with Whisper’s feature extractor: ${name}, ${path}`, async () => {
        const golden = intermediates[`mel[${i}]`] as GoldenTensor
        const mel = logMel(await clip(path), 80)
        const [bands = 0, frames = 0] = golden.shape
        expect(mel.length).toBe(bands * frames)
        // torch in float32 and numpy in float64 differ by 5e-5.
        expect(worst(golden, (at) => mel[(at % frames) * bands + Math.floor(at / frames)] ?? Number.NaN)).toBeLessThan(2e-4)
      })
    }
  }

  it('lies between the floor and 1 + (maximum / 4) for silence and for a click', () => {
    expect([...new Set(logMel(new Float32Array(400), 80))]).toEqual([-1.5])
    const click = new Float32Array(1600)
    click[800] = 1
    const mel = logMel(click, 80)
    expect(mel.length).toBe(10 * 80)
    const [low, high] = [Math.min(...mel), Math.max(...mel)]
    expect(high - low).toBeCloseTo(2, 5)
  })
})

describe('resample', () => {
  it('agrees with scipy.signal.resample_poly on a golden clip', async () => {
    const golden = cases.find(({ name }) => name === 'audio_22050_hz')?.intermediates['resampled_audio[0]'] as GoldenTensor
    const samples = await clip('audio/radio.wav')
    expect(samples.length).toBe(golden.shape[0])
    // The golden has seven digits.
    expect(worst(golden, (at) => samples[at] ?? Number.NaN)).toBeLessThan(1e-6)
  })

  for (const rate of [8000, 11025, 44100, 48000, 96000]) {
    it(`keeps a tone of 440 Hz, from ${rate} Hz`, () => {
      const length = Math.floor(rate / 2) + 1
      const output = resample(
        Float32Array.from({ length }, (_, i) => Math.sin((2 * Math.PI * 440 * i) / rate)),
        rate,
        16_000,
      )
      expect(output.length).toBe(Math.ceil((length * 16_000) / rate))
      // Away from the ends, where the filter sees silence. Its passband ripples by 0.3 %.
      const errors = Array.from(output.subarray(500, 7500), (value, i) =>
        Math.abs(value - Math.sin((2 * Math.PI * 440 * (i + 500)) / 16_000)),
      )
      expect(Math.max(...errors)).toBeLessThan(4e-3)
    })
  }

  it('drops what the lower rate cannot hold', () => {
    const samples = Float32Array.from({ length: 9600 }, (_, i) => Math.sin((2 * Math.PI * 20_000 * i) / 96_000))
    const output = resample(samples, 96_000, 16_000)
    expect(Math.max(...output.subarray(100, 1500).map(Math.abs))).toBeLessThan(5e-3)
  })

  it('leaves samples of the right rate as they are', () => {
    const samples = Float32Array.of(1, 2, 3)
    expect(resample(samples, 16_000, 16_000)).toBe(samples)
  })

  it('makes the first sample out of a single one', () => {
    expect([...resample(Float32Array.of(1), 8000, 16_000)].length).toBe(2)
    expect([...resample(Float32Array.of(1), 48_000, 16_000)].length).toBe(1)
  })
})

describe('mixToMono', () => {
  it('takes the mean of all channels', () => {
    expect([...mixToMono({ rate: 1, channels: [Float32Array.of(1, 0), Float32Array.of(0, 0.5)] })]).toEqual([0.5, 0.25])
    const six = [1, 2, 3, 4, 5, 6].map((value) => Float32Array.of(value))
    expect([...mixToMono({ rate: 1, channels: six })]).toEqual([3.5])
  })
})
