/** Zero crossings of the filter on either side, counted at the lower of the two rates. */
const HALF_WIDTH = 10
/** Kaiser's β: side lobes 50 dB down. */
const KAISER_BETA = 5

/**
 * Samples at another rate: a windowed-sinc low-pass at the lower Nyquist frequency, evaluated only where samples are wanted (polyphase),
 * silence beyond the ends. Design and lengths as scipy.signal.resample_poly's with its default window: ⌈length · to / from⌉ samples.
 * from, to: whole numbers above 0.
 */
export function resample(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples
  const common = greatestCommonDivisor(from, to)
  const up = to / common
  const down = from / common
  const half = HALF_WIDTH * Math.max(up, down)
  const phases = polyphaseFilter(half, up, Math.max(up, down))
  const taps = phases.length / up
  const output = new Float32Array(Math.ceil((samples.length * up) / down))
  for (let i = 0; i < output.length; i++) {
    // The filter's tap h[half + i·down − k·up] weighs sample k; k runs down as the tap's place within its phase runs up.
    const first = half + i * down
    const phase = (first % up) * taps
    const last = Math.floor(first / up)
    const skipped = Math.max(0, last - samples.length + 1)
    const end = Math.min(taps, last + 1)
    let sum = 0
    for (let tap = skipped; tap < end; tap++) sum += (phases[phase + tap] as number) * (samples[last - tap] as number)
    output[i] = sum
  }
  return output
}

/** The low-pass of 2·half + 1 taps with cut-off 1 / rate, gain `up`, as [up, taps] by phase, padded with zeros. */
function polyphaseFilter(half: number, up: number, rate: number): Float64Array {
  const length = 2 * half + 1
  const taps = Math.ceil(length / up)
  const phases = new Float64Array(up * taps)
  const edge = besselI0(KAISER_BETA)
  let sum = 0
  for (let n = 0; n < length; n++) {
    const x = (n - half) / rate
    const sinc = n === half ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
    const value = (sinc * besselI0(KAISER_BETA * Math.sqrt(1 - ((n - half) / half) ** 2))) / edge
    sum += value
    phases[(n % up) * taps + Math.floor(n / up)] = value
  }
  for (let i = 0; i < phases.length; i++) phases[i] = ((phases[i] as number) * up) / sum
  return phases
}

/** The modified Bessel function of order 0, by its power series. */
function besselI0(x: number): number {
  let term = 1
  let sum = 1
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b]
  while (y > 0) [x, y] = [y, x % y]
  return x
}
