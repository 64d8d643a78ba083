import { describe, expect, it } from 'vitest'
import { captureMedia } from '../../../src/api/capture.ts'

// Node has none of the DOM's classes; what needs none of them must work here. The rest is tested in Chromium (media-capture.test.ts).
describe('captureMedia without a DOM', () => {
  it('takes files, data URLs, absolute addresses and features', async () => {
    const blob = new Blob(['x'])
    const image = [blob, 'data:image/png;base64,AAAA', 'https://host/a b.png', new URL('https://host/c.png'), { image_embeds: [[1, 2]] }]
    const { media, transfer } = await captureMedia({ image })
    expect(media.image).toEqual([
      { kind: 'blob', blob },
      { kind: 'url', url: 'data:image/png;base64,AAAA' },
      { kind: 'url', url: 'https://host/a%20b.png' },
      { kind: 'url', url: 'https://host/c.png' },
      { kind: 'embeds', tensors: { image_embeds: { data: new Float32Array([1, 2]), shape: [1, 2] } } },
    ])
    expect(transfer.length).toBe(1)
  })

  it('gives nothing for nothing', async () => {
    expect(await captureMedia({})).toEqual({ media: {}, transfer: [] })
    expect(await captureMedia({ image: [], video: [] })).toEqual({ media: {}, transfer: [] })
  })

  it('refuses an address that is relative to nothing, with its place', async () => {
    await expect(captureMedia({ image: ['cat.png'] })).rejects.toThrow('multi_modal_data.image[0] is "cat.png", which is no address')
  })

  it('copies features, so that the caller keeps its arrays', async () => {
    const data = new Float32Array([1, 2])
    const { transfer } = await captureMedia({ image: { image_embeds: { data, shape: [1, 2] } } })
    structuredClone(0, { transfer: transfer as ArrayBuffer[] })
    expect([...data]).toEqual([1, 2])
  })

  it('ends with AbortError when aborted before', async () => {
    await expect(captureMedia({ image: 'data:,' }, {}, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('takes addresses of clips for frames of one clip, unless the list is one of clips', async () => {
    const video = ['https://a.example/1', 'https://a.example/2']
    expect((await captureMedia({ video })).media.video?.map(({ kind }) => kind)).toEqual(['frames'])
    expect((await captureMedia({ video }, {}, undefined, true)).media.video?.map(({ kind }) => kind)).toEqual(['url', 'url'])
  })
})
