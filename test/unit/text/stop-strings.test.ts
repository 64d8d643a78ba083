import { describe, expect, it } from 'vitest'
import { createStopStrings, type StopStringsOptions } from '../../../src/text/stop-strings.ts'

/** Pushes pieces until a stop; `out` has one entry per piece and the flushed rest, if any. */
function watch(stops: string[], pieces: string[], options?: StopStringsOptions) {
  const watcher = createStopStrings(stops, options)
  const results = pieces.map((piece) => watcher.push(piece))
  const out = results.map((result) => result.text)
  const rest = watcher.flush()
  return { out: rest === '' ? out : [...out, rest], stopped: results.at(-1)?.stopped }
}

describe('stop strings', () => {
  it.each([
    ['no stop strings: all text at once', [], ['ab', 'c'], ['ab', 'c'], undefined],
    ['no match', ['END'], ['one ', 'two'], ['one ', 'two'], undefined],
    ['within a piece', ['END'], ['oneENDtwo'], ['one'], 'END'],
    ['a whole piece', ['END'], ['one', 'END'], ['one', ''], 'END'],
    ['over two pieces', ['END'], ['oneE', 'NDtwo'], ['one', ''], 'END'],
    ['over many pieces', ['###\n'], ['a#', '#', '#', '\nb'], ['a', '', '', ''], '###\n'],
    ['a beginning that leads nowhere', ['END'], ['E', 'N', 'x'], ['', '', 'ENx'], undefined],
    ['a beginning at the end of the text', ['END'], ['oneEN'], ['one', 'EN'], undefined],
    ['a beginning within a beginning', ['aab'], ['a', 'a', 'a', 'b'], ['', '', 'a', ''], 'aab'],
    ['only the open end is held', ['abcabd'], ['abcab', 'cab', 'd'], ['', 'abc', ''], 'abcabd'],
    ['the one that is complete first', ['abcd', 'bc'], ['xab', 'cd'], ['x', 'a'], 'bc'],
    ['complete first, in one piece', ['abcd', 'bc'], ['xabcd'], ['xa'], 'bc'],
    ['complete first, whatever the order', ['b', 'a'], ['xab'], ['x'], 'a'],
    ['both complete at once: the one listed first', ['bc', 'abc'], ['x', 'abc'], ['x', 'a'], 'bc'],
    ['both complete at once, other order', ['abc', 'bc'], ['x', 'abc'], ['x', ''], 'abc'],
    ['the first of several matches', ['.'], ['a.b.c'], ['a'], '.'],
    ['one character', ['\n'], ['a', '\n'], ['a', ''], '\n'],
    ['an emoji beside one with the same first half', ['😀'], ['😁', '😀'], ['😁', ''], '😀'],
    ['letter case matters', ['END'], ['end', 'End'], ['end', 'End'], undefined],
    ['empty pieces', ['END'], ['', 'E', '', 'ND'], ['', '', '', ''], 'END'],
  ])('%s', (_name, stops, pieces, out, stopped) => {
    expect(watch(stops, pieces)).toEqual({ out, stopped })
  })

  it.each([
    ['text is not held back', ['END'], ['oneE', 'N', 'x'], ['oneE', 'N', 'x'], undefined],
    ['it ends after the stop string', ['END'], ['oneENDtwo'], ['oneEND'], 'END'],
    ['it ends after a stop string over pieces', ['END'], ['oneE', 'N', 'Dtwo'], ['oneE', 'N', 'D'], 'END'],
    ['the one that is complete first', ['abcd', 'bc'], ['xabcd'], ['xabc'], 'bc'],
  ])('with the stop string in the output: %s', (_name, stops, pieces, out, stopped) => {
    expect(watch(stops, pieces, { includeStopString: true })).toEqual({ out, stopped })
  })

  it('gives the same text and stop however the text is cut', () => {
    const text = 'Answer: aaab\n\n## End\n\n#'
    for (const stops of [['\n\n#'], ['aab', 'b\n'], ['never'], ['## End\n', 'End']]) {
      for (const includeStopString of [false, true]) {
        const whole = watch(stops, [text], { includeStopString })
        for (let size = 1; size < text.length; size++) {
          const cut = watch(stops, text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [], { includeStopString })
          expect({ text: cut.out.join(''), stopped: cut.stopped }).toEqual({ text: whole.out.join(''), stopped: whole.stopped })
        }
      }
    }
  })

  it('does not stop within inactive text, but for what ends later', () => {
    const watcher = createStopStrings(['END'])
    expect(watcher.push('aENDb', false)).toEqual({ text: 'aENDb' })
    expect(watcher.push('EN', false)).toEqual({ text: '' })
    expect(watcher.push('D')).toEqual({ text: '', stopped: 'END' })
  })

  it('gives nothing after a stop', () => {
    const watcher = createStopStrings(['END'])
    watcher.push('xEND')
    expect(watcher.push('more')).toEqual({ text: '', stopped: 'END' })
    expect(watcher.flush()).toBe('')
  })

  it('refuses an empty stop string', () => {
    expect(() => createStopStrings(['a', ''])).toThrow('empty string')
  })
})
