const months = 'January February March April May June July August September October November December'.split(' ')
const days = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

const two = (n: number): string => String(n).padStart(2, '0')

const fields: Record<string, (date: Date) => string> = {
  Y: (d) => String(d.getUTCFullYear()),
  y: (d) => two(d.getUTCFullYear() % 100),
  m: (d) => two(d.getUTCMonth() + 1),
  B: (d) => months[d.getUTCMonth()] ?? '',
  b: (d) => (months[d.getUTCMonth()] ?? '').slice(0, 3),
  d: (d) => two(d.getUTCDate()),
  e: (d) => String(d.getUTCDate()).padStart(2, ' '),
  j: (d) => String(Math.floor((d.getTime() - Date.UTC(d.getUTCFullYear(), 0, 1)) / 86_400_000) + 1).padStart(3, '0'),
  A: (d) => days[d.getUTCDay()] ?? '',
  a: (d) => (days[d.getUTCDay()] ?? '').slice(0, 3),
  H: (d) => two(d.getUTCHours()),
  I: (d) => two(d.getUTCHours() % 12 || 12),
  p: (d) => (d.getUTCHours() < 12 ? 'AM' : 'PM'),
  M: (d) => two(d.getUTCMinutes()),
  S: (d) => two(d.getUTCSeconds()),
  Z: () => 'UTC',
}

/**
 * Python's strftime in the C locale and in UTC, so that it gives the same everywhere. `%-d` drops leading zeros and spaces; a
 * directive that is not known stays as it is.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)([a-zA-Z%])/g, (directive, minus: string, letter: string) => {
    if (letter === '%') return '%'
    const value = Object.hasOwn(fields, letter) ? fields[letter]?.(date) : undefined
    if (value === undefined) return directive
    return minus ? value.replace(/^[0 ]+(?=.)/, '') : value
  })
}
