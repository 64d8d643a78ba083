/** An exact decimal number: sign · 0.‹whole›.‹fraction›, without needless zeros (whole is at least '0', fraction may be ''). */
export interface Decimal {
  readonly negative: boolean
  readonly whole: string
  readonly fraction: string
}

/** The decimal number that JavaScript writes for `value`: 0.1 is a tenth, not the nearest binary fraction. */
export function decimalOf(value: number): Decimal {
  const [mantissa = '', exponent = '0'] = Math.abs(value).toString().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const point = whole.length + Number(exponent)
  const digits = (whole + fraction).padStart(whole.length + fraction.length + Math.max(0, -point), '0').padEnd(Math.max(0, point), '0')
  const at = Math.max(0, point)
  return {
    negative: value < 0,
    whole: digits.slice(0, at).replace(/^0+(?=\d)/, '') || '0',
    fraction: digits.slice(at).replace(/0+$/, ''),
  }
}
