import { describe, expect, it } from 'vitest'
import { SoundStore } from '../../../src/media/sound-store.ts'

/** A piece whose every sample in a channel is the same. */
const piece = (count: number, values: readonly number[], sampleRate = 16_000) => ({
  numberOfFrames: count,
  numberOfChannels: values.length,
  sampleRate,
  copyTo: (destination: Float32Array, { planeIndex }: { planeIndex: number }) => void destination.fill(values[planeIndex] as number),
})

describe('SoundStore', () => {
  it.each([0, 0.001, 1, 500])('keeps pieces in order and apart by channel, whatever length was expected: %s s', (seconds) => {
    const store = new SoundStore('The audio', seconds)
    store.append(piece(2, [0.1, 0.2]))
    store.append(piece(30_000, [0.3, 0.4]))
    store.append(piece(1, [0.5, 0.6]))
    expect([store.frames, store.rate]).toEqual([30_003, 16_000])
    expect(store.take(1, 2)).toEqual([Float32Array.of(0.1, 0.3), Float32Array.of(0.2, 0.4)])
    expect(store.take(30_001, 2)).toEqual([Float32Array.of(0.3, 0.5), Float32Array.of(0.4, 0.6)])
  })

  it('refuses more than 600 s, whatever was said before, and does not ask for the samples', () => {
    const store = new SoundStore('The audio', 1)
    store.append(piece(10, [0]))
    const bomb = { ...piece(16_000 * 600, [0]), copyTo: () => expect.unreachable() }
    expect(() => store.append(bomb)).toThrow(/^The audio is 600 s long; at most 600 s are taken\. Cut it first\.$/)
  })

  it('refuses more than 256 MiB, whatever was said before', () => {
    const bomb = { ...piece(48_000 * 200, new Array(8).fill(0), 48_000), copyTo: () => expect.unreachable() }
    const error = () => new SoundStore('Clip 2', 1).append(bomb)
    expect(error).toThrow(/^Clip 2 is 200\.0 s of 8 channels at 48000 Hz, 307200000 bytes once decoded; at most 268435456 are allowed/)
    expect(error).toThrow(expect.objectContaining({ name: 'MediaError', code: 'media_too_large' }))
  })

  it.each<[what: string, values: number[], rate: number]>([
    ['rate', [0, 0], 32_000],
    ['number of channels', [0], 16_000],
  ])('refuses a change of %s', (_, values, rate) => {
    const store = new SoundStore('The audio', 1)
    store.append(piece(10, [0, 0]))
    expect(() => store.append(piece(10, values, rate))).toThrow(
      `The audio changes from 2 channels at 16000 Hz to ${values.length} at ${rate} Hz; it must keep to one form.`,
    )
  })
})
