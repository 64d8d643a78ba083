import {
  BufferTarget,
  Mp4OutputFormat,
  Output,
  type Rotation,
  type VideoCodec,
  VideoSample,
  VideoSampleSource,
  WebMOutputFormat,
} from 'mediabunny'
import type { RgbImage } from '../../src/media/rgb-image.ts'

/** What a clip is made of. */
export interface ClipPlan {
  frames: number
  /** Frames a second. Default 10. */
  fps?: number
  container?: 'webm' | 'mp4'
  codec?: VideoCodec
  rotation?: Rotation
  /** Frames from one that stands alone to the next. Default 12. */
  keyEvery?: number
  /** When each frame starts, in seconds, if not at an even rate. */
  times?: readonly number[]
  width?: number
  height?: number
}

/** Bits of a frame's number. */
const BITS = 8

/** A clip whose frames carry their number as bars from left to right, the highest bit first, white for 1; the upper left corner is red. */
export async function makeClip(plan: ClipPlan): Promise<Uint8Array<ArrayBuffer>> {
  const { frames, fps = 10, container = 'webm', codec = 'vp8', rotation = 0, keyEvery = 12, times, width = 128, height = 64 } = plan
  const target = new BufferTarget()
  const output = new Output({ format: container === 'mp4' ? new Mp4OutputFormat() : new WebMOutputFormat(), target })
  const source = new VideoSampleSource({ codec, bitrate: 500_000 })
  output.addVideoTrack(source, { rotation })
  await output.start()
  for (let i = 0; i < frames; i++) {
    const timestamp = times?.[i] ?? i / fps
    const duration = (times?.[i + 1] ?? timestamp + 1 / fps) - timestamp
    const sample = new VideoSample(drawFrame(i, width, height), { timestamp, duration })
    await source.add(sample, { keyFrame: i % keyEvery === 0 })
    sample.close()
  }
  await output.finalize()
  if (!target.buffer) throw new Error('The muxer gave nothing.')
  return new Uint8Array(target.buffer)
}

function drawFrame(number: number, width: number, height: number): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')
  if (!context) throw new Error('There is no canvas.')
  for (let bit = 0; bit < BITS; bit++) {
    context.fillStyle = (number >> (BITS - 1 - bit)) & 1 ? 'white' : 'black'
    context.fillRect((bit * width) / BITS, 0, width / BITS, height)
  }
  context.fillStyle = 'red'
  context.fillRect(0, 0, width / 16, height / 4)
  return canvas
}

/** The number that a frame of makeClip carries. */
export function numberOf({ width, height, data }: RgbImage): number {
  let number = 0
  for (let bit = 0; bit < BITS; bit++) {
    const x = Math.floor(((bit + 0.5) * width) / BITS)
    const y = Math.floor(height * 0.75)
    number = number * 2 + ((data[(y * width + x) * 3] ?? 0) > 127 ? 1 : 0)
  }
  return number
}
