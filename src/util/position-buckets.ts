const { fround } = Math

/** Values that torch.arange writes at once. */
const LANES = 8

/** torch.arange's value i of count, for these numbers: whole vectors start from a rounded base, what is left over does not. */
function arange(i: number, count: number, start: number, step: number): number {
  const base = i - (i % LANES)
  if (base + LANES > count) return fround(start + step * i)
  return fround(fround(start + step * base) + (i - base) * step)
}

/**
 * Row of a table of positions that each of `count` patches along one side takes, when the table's `rows` are spread over the whole side
 * (NaViT, arXiv:2307.06304): how many of the bounds 1/rows, 2/rows … are not above i/count. Where the two are equal the reference's float32
 * arithmetic decides, so that it is repeated here to the bit. Source: MiniCPM-V's modeling_navit_siglip.py on PyTorch 2.
 */
export function positionBuckets(count: number, rows: number): Uint32Array<ArrayBuffer> {
  const step = fround(1 / count)
  const bounds = Array.from({ length: rows - 1 }, (_, k) => arange(k, rows - 1, 1 / rows, 1 / rows))
  return Uint32Array.from({ length: count }, (_, i) => {
    const place = arange(i, count, 0, step)
    const above = bounds.findIndex((bound) => bound > place)
    return above < 0 ? rows - 1 : above
  })
}
