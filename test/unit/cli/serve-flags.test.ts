import { describe, expect, it } from 'vitest'
import { readServeFlags } from '../../../cli/serve-flags.ts'
import { spreadLists } from '../../../cli/usage.ts'

describe('spreadLists', () => {
  const cases: [args: string, spread: string][] = [
    ['M --names a b', 'M --names a --names b'],
    ['--names a b --port 1 M', '--names a --names b --port 1 M'],
    ['M --names a --names b c', 'M --names a --names b --names c'],
    ['--port 1 M', '--port 1 M'],
    ['--names=a M', '--names=a M'],
  ]
  for (const [args, spread] of cases)
    it(`${args} → ${spread}`, () => expect(spreadLists(args.split(' '), ['names'])).toEqual(spread.split(' ')))
})

describe('readServeFlags', () => {
  const read = (line: string) => readServeFlags(line === '' ? [] : line.split(' '))

  it('has vLLM’s defaults, but listens to this machine only', () => {
    expect(read('M')).toMatchObject({
      host: '127.0.0.1',
      port: 8000,
      keys: [],
      origins: ['*'],
      patience: 10_000,
      names: ['M'],
    })
    expect(read('M')?.session.engine.max_image_pixels).toBe(178_956_970)
    expect(read('')?.session.model).toBe('ocellus-tiny-vl')
    expect(read('--help')).toBe(undefined)
  })

  it('hands --media-io-kwargs to the engine', () => {
    expect(read('M --media-io-kwargs {"video":{"num_frames":8}}')?.session.engine.media_io_kwargs).toEqual({ video: { num_frames: 8 } })
    expect(() => read('M --media-io-kwargs 8')).toThrow("--media-io-kwargs is '8'; it must be a JSON object")
  })

  it('takes lists as vLLM does', () => {
    const options = read('M --api-key a b --served-model-name x y --allowed-origins ["https://a.org","https://b.org"]')
    expect(options).toMatchObject({ keys: ['a', 'b'], names: ['x', 'y'], origins: ['https://a.org', 'https://b.org'] })
    expect(options?.session.engine.served_model_name).toEqual(['x', 'y'])
    expect(read('M --allowed-origins https://a.org,https://b.org')?.origins).toEqual(['https://a.org', 'https://b.org'])
  })

  it('keeps what Node must see to from the page', () => {
    const options = read(
      'M --allowed-media-domains A.org,b.org --media-fetch-timeout image=2,video=60 --max-media-bytes image=5 --limit-mm-per-prompt image=2',
    )
    expect(options?.policy).toEqual({
      publicOnly: true,
      localRoot: undefined,
      domains: ['a.org', 'b.org'],
      timeouts: { image: 2, video: 60 },
      maxBytes: { image: 5 },
      limits: { image: 2 },
    })
    expect(options?.session.engine.allowed_media_domains).toEqual(['ocellus.localhost'])
    expect(Object.keys(options?.session.engine ?? {}).sort()).toEqual([
      'allowed_media_domains',
      'limit_mm_per_prompt',
      'max_image_pixels',
      'max_media_bytes',
      'served_model_name',
    ])
  })

  it('takes no empty key, with which a server would only look closed', () => {
    expect(() => readServeFlags(['M', '--api-key', ''])).toThrow(/--api-key is empty/)
    expect(() => read('M --api-key=')).toThrow(/--api-key is empty/)
  })

  it('finds the key in the environment', () => {
    process.env['OCELLUS_API_KEY'] = 'from-env'
    expect(read('M')?.keys).toEqual(['from-env'])
    expect(read('M --api-key given')?.keys).toEqual(['given'])
    delete process.env['OCELLUS_API_KEY']
  })
})
