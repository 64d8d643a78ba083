const DAYS = '(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8])'
const LEAP_YEAR = '(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)'
const DATE = `(?:\\d{4}-(?:${DAYS})|${LEAP_YEAR}-02-29)`
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:[zZ]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)'
const DURATION_DATE = '(?:\\d+Y(?:\\d+M(?:\\d+D)?)?|\\d+M(?:\\d+D)?|\\d+D)'
const DURATION_TIME = '(?:\\d+H(?:\\d+M(?:\\d+S)?)?|\\d+M(?:\\d+S)?|\\d+S)'
const BYTE = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = `${BYTE}(?:\\.${BYTE}){3}`
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const HOSTNAME = `${LABEL}(?:\\.${LABEL})*`
const ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
const ESCAPED = '%[0-9A-Fa-f]{2}'
const PLAIN_CHAR = "A-Za-z0-9._~!$&'()*+,;=:@?\\-"
const URI_CHARS = `(?:[${PLAIN_CHAR}/]|${ESCAPED})*`
const AUTHORITY = `(?:[${PLAIN_CHAR.replace('?', '')}]|${ESCAPED}|\\[[0-9A-Fa-f:.]+\\])*`
const URI = `[A-Za-z][A-Za-z0-9+.-]*:(?://${AUTHORITY}(?:[/?]${URI_CHARS})?|/?(?:(?:[${PLAIN_CHAR}]|${ESCAPED})${URI_CHARS})?)(?:#${URI_CHARS})?`

function ipv6(): string {
  const group = '[0-9A-Fa-f]{1,4}'
  const last = `(?:${group}:${group}|${IPV4})`
  const forms = [`(?:${group}:){6}${last}`]
  // With :: in it: `left` groups before, and after it at most as many as leave one out.
  for (let left = 0; left <= 7; left++) {
    const before = left === 0 ? '' : `${group}(?::${group}){${left - 1}}`
    const room = 7 - left
    const after = [`(?:${group}(?::${group}){0,${Math.max(0, room - 1)}})?`]
    if (room >= 2) after.push(`(?:${group}:){0,${room - 2}}${IPV4}`)
    forms.push(`${before}::(?:${room === 0 ? '' : after.join('|')})`)
  }
  return forms.join('|')
}

/** The formats of JSON Schema that are enforced, as regular expressions for the whole text. Any other is a remark, as the draft allows. */
const FORMATS: ReadonlyMap<string, string> = new Map([
  ['date', DATE],
  ['time', TIME],
  ['date-time', `${DATE}[tT]${TIME}`],
  ['duration', `P(?:\\d+W|${DURATION_DATE}(?:T${DURATION_TIME})?|T${DURATION_TIME})`],
  ['uuid', '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'],
  ['ipv4', IPV4],
  ['ipv6', ipv6()],
  ['email', `${ATOM}(?:\\.${ATOM})*@${HOSTNAME}`],
  ['hostname', HOSTNAME],
  ['uri', URI],
])

/** The regular expression of a format, or undefined for one that is not enforced. */
export const formatPattern = (name: string): string | undefined => FORMATS.get(name)
