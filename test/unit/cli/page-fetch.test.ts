import { afterEach, describe, expect, it } from 'vitest'
import type { PageGlobals } from '../../../cli/page/page-engine.ts'
import { fetchInPage } from '../../../cli/page/page-fetch.ts'

type Page = Partial<Omit<PageGlobals, 'ocellus'>> & { ocellus?: { fetch: typeof fetch }; location?: { origin: string } }
const page = globalThis as unknown as Page
afterEach(() => {
  for (const name of ['ocellus', 'ocellusAborts', 'ocellusHead', 'ocellusPiece', 'location'] as const) delete page[name]
})

describe('fetchInPage', () => {
  it('asks the router for the path as it came, even where it looks like another host', async () => {
    const asked: string[] = []
    Object.assign(page, {
      location: { origin: 'http://page.example' },
      ocellusAborts: new Map(),
      ocellusHead: async () => {},
      ocellusPiece: async () => {},
      ocellus: {
        fetch: async (url: string | URL) => {
          asked.push(new URL(url).href)
          return new Response('x')
        },
      },
    })
    for (const path of ['/v1/models?a=b', '//', '//other.example/v1/models'])
      expect(await fetchInPage({ id: 1, method: 'GET', path, headers: {}, body: null })).toEqual({ value: null })
    expect(asked).toEqual(['http://page.example/v1/models?a=b', 'http://page.example//', 'http://page.example//other.example/v1/models'])
  })
})
