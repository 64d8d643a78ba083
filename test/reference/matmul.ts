/** Everything in the order of its formula: out[t, n] = activation(Σ_k x[t, k] · w[n, k] + bias[n]) + residual[t, n]. */
export interface MatmulCase {
  readonly x: ArrayLike<number>
  readonly w: ArrayLike<number>
  readonly tokens: number
  readonly rows: number
  readonly cols: number
  readonly bias?: ArrayLike<number> | undefined
  readonly residual?: ArrayLike<number> | undefined
  readonly activation?: string
}

export interface MatmulAnswer {
  readonly values: Float64Array
  /** Σ_k |x[t, k] · w[n, k]| + |bias[n]|, what rounding errors are measured against. */
  readonly magnitudes: Float64Array
}

export function matmulReference({ x, w, tokens, rows, cols, bias, residual, activation = 'none' }: MatmulCase): MatmulAnswer {
  const values = new Float64Array(tokens * rows)
  const magnitudes = new Float64Array(tokens * rows)
  for (let t = 0; t < tokens; t++) {
    for (let n = 0; n < rows; n++) {
      let sum = bias?.[n] ?? 0
      let magnitude = Math.abs(sum)
      for (let k = 0; k < cols; k++) {
        const product = x[t * cols + k]! * w[n * cols + k]!
        sum += product
        magnitude += Math.abs(product)
      }
      values[t * rows + n] = activate(activation, sum) + (residual?.[t * rows + n] ?? 0)
      magnitudes[t * rows + n] = magnitude
    }
  }
  return { values, magnitudes }
}

export function activate(activation: string, x: number): number {
  if (activation === 'gelu') return (x / 2) * (1 + erf(x / Math.SQRT2))
  if (activation === 'gelu-tanh') return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
  if (activation === 'quick-gelu') return x / (1 + Math.exp(-1.702 * x))
  if (activation === 'silu') return x / (1 + Math.exp(-x))
  return x
}

/** The error function by its Maclaurin series, which f64 carries to where it is within 3e-9 of 1. */
export function erf(x: number): number {
  if (Math.abs(x) > 4.2) return Math.sign(x)
  let term = x
  let sum = x
  for (let n = 1; n < 120; n++) {
    term *= -(x * x) / n
    sum += term / (2 * n + 1)
  }
  return (sum * 2) / Math.sqrt(Math.PI)
}
