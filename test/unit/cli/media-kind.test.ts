import { describe, expect, it } from 'vitest'
import { kindOf } from '../../../cli/media-kind.ts'

describe('kindOf', () => {
  it.each([
    ['cat.jpg', 'image'],
    ['speech.WAV', 'audio'],
    ['a/b.c/song.mp3', 'audio'],
    ['clip.mp4', 'video'],
    ['clip.webm', 'video'],
    ['no-ending', 'image'],
    ['https://example.org/clip.mov?size=large.wav#x.mp3', 'video'],
    ['https://example.org/?file=x.wav', 'image'],
    ['http://', 'image'],
    ['data:audio/wav;base64,AAAA', 'audio'],
    ['data:VIDEO/mp4;base64,AAAA', 'video'],
    ['data:image/png;base64,AAAA.wav', 'image'],
  ] as const)('takes %s for %s', (place, kind) => {
    expect(kindOf(place)).toBe(kind)
  })
})
