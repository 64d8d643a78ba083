/** A discrete Fourier transform of one length. */
export interface FourierTransform {
  /** In place: X[t] = Σ x[n] e^(−2πi·n·t/length). re, im: `length` values each. */
  run(re: Float64Array, im: Float64Array): void
}

/**
 * The transform for any length whose prime factors are small: Stockham's algorithm, one pass per factor between two buffers, which
 * leaves the result in order.
 */
export function fourierTransform(length: number): FourierTransform {
  const factors = factorize(length)
  const cos = Float64Array.from({ length }, (_, i) => Math.cos((2 * Math.PI * i) / length))
  const sin = Float64Array.from({ length }, (_, i) => -Math.sin((2 * Math.PI * i) / length))
  const spare = { re: new Float64Array(length), im: new Float64Array(length) }

  /** One pass: transforms of `radix` values, `stride` apart in the output; `size` is the length still to be transformed. */
  function pass(from: Pair, to: Pair, radix: number, size: number): void {
    const stride = length / size
    const rest = size / radix
    const turn = length / radix
    for (let q = 0; q < rest; q++) {
      for (let t = 0; t < radix; t++) {
        for (let k = 0; k < stride; k++) {
          let re = 0
          let im = 0
          let angle = (t * q * stride) % length
          for (let r = 0; r < radix; r++) {
            const at = k + stride * (q + r * rest)
            const a = from.re[at] as number
            const b = from.im[at] as number
            const c = cos[angle] as number
            const s = sin[angle] as number
            re += a * c - b * s
            im += a * s + b * c
            angle += t * turn
            if (angle >= length) angle -= length
          }
          const at = k + stride * (radix * q + t)
          to.re[at] = re
          to.im[at] = im
        }
      }
    }
  }

  return {
    run(re, im) {
      const given = { re, im }
      let [from, to]: [Pair, Pair] = [given, spare]
      let size = length
      for (const radix of factors) {
        pass(from, to, radix, size)
        size /= radix
        ;[from, to] = [to, from]
      }
      if (from === given) return
      re.set(from.re)
      im.set(from.im)
    },
  }
}

interface Pair {
  readonly re: Float64Array
  readonly im: Float64Array
}

/** Factors with fours in place of pairs of twos, which saves passes. */
function factorize(length: number): number[] {
  const factors: number[] = []
  let rest = length
  const divideBy = (factor: number): void => {
    for (; rest % factor === 0; rest /= factor) factors.push(factor)
  }
  divideBy(4)
  divideBy(2)
  for (let odd = 3; rest > 1; odd += 2) divideBy(odd)
  return factors
}
