/** The likeliest token, and whether every logit was a finite number. */
export interface Choice {
  readonly id: number
  readonly finite: boolean
}

/** The arg-max of logits: f32, or the bits of halves (a Float16Array counts as such). The first of equals. */
export function chooseToken(logits: ArrayBufferView, type: string): Choice {
  const { buffer, byteOffset, byteLength } = logits
  return type === 'float16'
    ? chooseHalf(new Uint16Array(buffer, byteOffset, byteLength / 2))
    : chooseFloat(new Float32Array(buffer, byteOffset, byteLength / 4))
}

function chooseFloat(logits: Float32Array): Choice {
  let id = 0
  let best = Number.NEGATIVE_INFINITY
  let finite = logits.length > 0
  for (let i = 0; i < logits.length; i++) {
    const value = logits[i] as number
    if (value - value !== 0) finite = false
    if (value > best) {
      best = value
      id = i
    }
  }
  return { id, finite }
}

/** Halves compare as integers do, once negative ones are turned round. */
function chooseHalf(bits: Uint16Array): Choice {
  let id = 0
  let best = -0x10000
  let finite = bits.length > 0
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i] as number
    if ((half & 0x7c00) === 0x7c00) finite = false
    const rank = half & 0x8000 ? -(half & 0x7fff) : half
    if (rank > best) {
      best = rank
      id = i
    }
  }
  return { id, finite }
}
