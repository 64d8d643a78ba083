import {
  AudioSample,
  AudioSampleSource,
  BufferTarget,
  MkvOutputFormat,
  MovOutputFormat,
  Mp4OutputFormat,
  OggOutputFormat,
  Output,
  type OutputFormat,
  VideoSample,
  VideoSampleSource,
  WebMOutputFormat,
} from 'mediabunny'

/** Whole numbers of 16 bits, one array per channel. */
export type Samples16 = readonly Int16Array[]

/** A tone that rises, different in each channel, as 16-bit samples. */
export const sweep = (length: number, rate: number, channels = 1): Samples16 =>
  Array.from({ length: channels }, (_, channel) =>
    Int16Array.from({ length }, (_, i) => {
      const t = i / rate
      return Math.round(12_000 * Math.sin(2 * Math.PI * t * (200 + 150 * channel + 600 * t)))
    }),
  )

/** The samples as floats, value / 2^15. */
export const floatsOf = (channel: Int16Array): Float32Array => Float32Array.from(channel, (value) => value / 2 ** 15)

export type Container = 'ogg' | 'webm' | 'mp4' | 'mkv' | 'mov'

const formats: Readonly<Record<Container, () => OutputFormat>> = {
  ogg: () => new OggOutputFormat(),
  webm: () => new WebMOutputFormat(),
  mp4: () => new Mp4OutputFormat(),
  mkv: () => new MkvOutputFormat(),
  mov: () => new MovOutputFormat(),
}

/** What a file of sound is made of. */
export interface SoundPlan {
  container: Container
  codec: 'opus' | 'pcm-s16'
  rate: number
  /** Puts a picture beside the sound. */
  withPicture?: boolean
}

/** A file of these samples, written by mediabunny and encoded by the browser. */
export async function makeSoundFile(samples: Samples16, plan: SoundPlan): Promise<Uint8Array<ArrayBuffer>> {
  const { container, codec, rate, withPicture } = plan
  const target = new BufferTarget()
  const output = new Output({ format: formats[container](), target })
  const sound = new AudioSampleSource(codec === 'opus' ? { codec, bitrate: 64_000 } : { codec })
  const picture = new VideoSampleSource({ codec: 'vp8', bitrate: 100_000 })
  if (withPicture) output.addVideoTrack(picture)
  output.addAudioTrack(sound)
  await output.start()
  if (withPicture) {
    const sample = new VideoSample(new Uint8Array(64 * 64 * 4), {
      format: 'RGBA',
      codedWidth: 64,
      codedHeight: 64,
      timestamp: 0,
      duration: 1,
    })
    await picture.add(sample)
    sample.close()
  }
  const count = samples[0]?.length ?? 0
  const data = new Int16Array(count * samples.length)
  for (const [channel, values] of samples.entries()) data.set(values, channel * count)
  const sample = new AudioSample({ data, format: 's16-planar', numberOfChannels: samples.length, sampleRate: rate, timestamp: 0 })
  await sound.add(sample)
  sample.close()
  await output.finalize()
  if (!target.buffer) throw new Error('The muxer gave nothing.')
  return new Uint8Array(target.buffer)
}
