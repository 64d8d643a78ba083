/** Sound as samples from -1 to 1: one array per channel, all of one length, `rate` samples per second. */
export interface Sound {
  readonly channels: readonly Float32Array[]
  readonly rate: number
}

/** The mean of all channels, as Web Audio and librosa mix down; a single channel is handed on as it is. */
export function mixToMono({ channels }: Sound): Float32Array {
  const [first = new Float32Array(0), ...others] = channels
  if (others.length === 0) return first
  const mono = Float32Array.from(first)
  for (const channel of others) for (let i = 0; i < mono.length; i++) mono[i] = (mono[i] as number) + (channel[i] ?? 0)
  for (let i = 0; i < mono.length; i++) mono[i] = (mono[i] as number) / channels.length
  return mono
}
