import { describe, expect, it } from 'vitest'
import { strftime } from '../../../src/text/strftime.ts'

describe('strftime', () => {
  const date = new Date(Date.UTC(2024, 1, 5, 15, 4, 9))
  it.each([
    ['%d %b %Y', '05 Feb 2024'],
    ['%B %d, %Y', 'February 05, 2024'],
    ['%Y-%m-%d %H:%M:%S', '2024-02-05 15:04:09'],
    ['%A %a %j', 'Monday Mon 036'],
    ['%-d.%-m.%y', '5.2.24'],
    ['%e|%I %p|%-I', ' 5|03 PM|3'],
    ['100%% %Q %', '100% %Q %'],
  ])('writes %s', (format, text) => {
    expect(strftime(date, format)).toBe(text)
  })

  it('keeps the zero of midnight', () => {
    expect(strftime(new Date(Date.UTC(2024, 0, 1)), '%-H %I')).toBe('0 12')
  })
})
