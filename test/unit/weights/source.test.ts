import { describe, expect, it } from 'vitest'
import { openSource } from '../../../src/weights/source.ts'
import { type FakeFile, type Fault, fakeServer } from './fake-server.ts'
import { thrown } from './thrown.ts'

const json = (value: unknown): FakeFile => ({ bytes: new TextEncoder().encode(JSON.stringify(value)), type: 'application/json' })

/** What opening throws. */
const refused = (model: Parameters<typeof openSource>[0], base?: string) =>
  thrown(Promise.resolve().then(() => openSource(model, { base })))

describe('where a model comes from', () => {
  it.each<[string, string | URL, string | undefined, string]>([
    ['an absolute URL', 'https://host.test/models/m', undefined, '/models/m/a/b%20c.json'],
    ['a URL with a slash at its end', 'http://host.test/models/m/', undefined, '/models/m/a/b%20c.json'],
    ['a URL object', new URL('https://host.test/m'), undefined, '/m/a/b%20c.json'],
    ['a path', '/models/m', 'https://host.test/app/page.html', '/models/m/a/b%20c.json'],
    ['a path beside the page', './m', 'https://host.test/app/page.html', '/app/m/a/b%20c.json'],
    ['a path above the page', '../m', 'https://host.test/app/page.html', '/m/a/b%20c.json'],
    ['the folder of the page', '.', 'https://host.test/app/page.html', '/app/a/b%20c.json'],
    ['a URL with a query', 'https://host.test/m?key=1#x', undefined, '/m/a/b%20c.json?key=1'],
    ['a Hub id', 'Qwen/Qwen2-VL-2B-Instruct', undefined, '/Qwen/Qwen2-VL-2B-Instruct/resolve/main/a/b%20c.json'],
  ])('takes %s', async (_what, model, base, expected) => {
    const asked: string[] = []
    const fetch = async (url: string) => {
      asked.push(url)
      return Response.json({})
    }
    await openSource(model, { base, fetch }).json('a/b c.json')
    expect(asked).toHaveLength(1)
    const { pathname, search } = new URL(asked[0] as string)
    expect(pathname + search).toBe(expected)
  })

  it.each<[string, Parameters<typeof openSource>[0], RegExp]>([
    ['a bare name', 'gpt2', /'gpt2' names no model; give a Hub id such as/],
    ['an empty string', '', /'' names no model/],
    ['a name of three parts', 'a/b/c', /'a\/b\/c' names no model/],
    ['a file address', new URL('file:///etc'), /'file:\/\/\/etc' cannot be loaded; allowed are http: and https:/],
    ['another scheme', 'ftp://host/m', /names no model/],
    ['the address of a blob', 'blob:https://host.test/8c6f', /one blob, but a model is a folder; pass its File objects/],
    ['a relative URL without base', './m', /'.\/m' is no address of a model folder/],
    ['an empty list', [], /list of model files is empty/],
  ])('refuses %s', async (_what, model, message) => {
    const error = await refused(model)
    expect(error.name).toBe('ModelLoadError')
    expect(error.message).toMatch(message)
  })

  it('takes 403 from a plain server for a missing file when asked whether it exists, but not 401', async () => {
    const answering = (status: number) => openSource('https://host.test/m', { fetch: async () => new Response('', { status }) })
    expect(await answering(403).exists('model.safetensors')).toBe(false)
    expect((await thrown(answering(401).exists('model.safetensors'))).message).toContain('asks for a login')
    expect((await thrown(answering(400).exists('model.safetensors'))).message).toContain('the server answered 400')
  })
})

describe('a Hub repository', () => {
  const COMMIT = '0123456789abcdef0123456789abcdef01234567'
  const ID = 'owner/model'

  it('pins a branch to the commit of the first answer', async () => {
    const commit: Fault = (answer) => ({ ...answer, headers: { ...answer.headers, 'x-repo-commit': COMMIT } })
    const { fetch, requests } = fakeServer(
      { [`/${ID}/resolve/main/config.json`]: json({}), [`/${ID}/resolve/${COMMIT}/tokenizer.json`]: json({}) },
      commit,
    )
    const source = openSource(ID, { fetch })
    await source.json('config.json')
    await source.json('tokenizer.json')
    expect(requests.map(({ path }) => path)).toEqual([`/${ID}/resolve/main/config.json`, `/${ID}/resolve/${COMMIT}/tokenizer.json`])
  })

  it('sends revision, endpoint and token as given', async () => {
    const asked: [string, Record<string, string>][] = []
    const fetch = async (url: string, init: RequestInit) => {
      asked.push([url, init.headers as Record<string, string>])
      return Response.json({})
    }
    await openSource(ID, { fetch, revision: 'refs/pr/1', endpoint: 'https://mirror.test/', token: 'hf_x' }).json('config.json')
    expect(asked).toEqual([[`https://mirror.test/${ID}/resolve/refs%2Fpr%2F1/config.json`, { authorization: 'Bearer hf_x' }]])
  })

  it('sends no token to the server of a URL', async () => {
    const asked: RequestInit[] = []
    const fetch = async (_url: string, init: RequestInit) => {
      asked.push(init)
      return Response.json({})
    }
    await openSource('https://host.test/m', { fetch, token: 'hf_x' }).json('config.json')
    expect(asked[0]?.headers).toEqual({})
  })

  it.each<[string, number, string | undefined, string | undefined, RegExp]>([
    [
      'a repository that is not there',
      404,
      'RepoNotFound',
      undefined,
      /owner\/model was not found at https:\/\/huggingface\.co.*pass a token/,
    ],
    ['a private repository', 401, undefined, undefined, /was not found.*\(status 401\).*private or gated, pass a token/],
    ['a token without access', 401, undefined, 'hf_x', /The token given has no access/],
    [
      'a gated repository',
      403,
      'GatedRepo',
      undefined,
      /is gated.*accept its conditions at https:\/\/huggingface\.co\/owner\/model, then pass your token/,
    ],
    ['a gated repository and a token', 403, 'GatedRepo', 'hf_x', /accept its conditions.*with the account that the token belongs to/],
    ['a revision that is not there', 404, 'RevisionNotFound', undefined, /has no revision 'main'/],
    ['any other refusal', 400, 'Odd', undefined, /the Hub answered 400 for 'config\.json' \(Odd\)/],
  ])('explains %s', async (_what, status, code, token, message) => {
    const fetch = async () => new Response('', { status, headers: code === undefined ? {} : { 'x-error-code': code } })
    const source = openSource(ID, { fetch, token })
    for (const attempt of [source.json('config.json'), source.exists('config.json'), source.open('config.json')]) {
      const error = await thrown(attempt)
      expect(error.name).toBe('ModelLoadError')
      expect(error.message).toMatch(message)
    }
  })

  it.each(['EntryNotFound', undefined])('knows a missing file by its 404 (error code %s)', async (code) => {
    const fetch = async () => new Response('', { status: 404, headers: code === undefined ? {} : { 'x-error-code': code } })
    const source = openSource(ID, { fetch })
    expect(await source.exists('model.safetensors')).toBe(false)
    expect((await thrown(source.json('config.json'))).message).toContain("owner/model has no file 'config.json'")
  })

  it('waits when there were too many requests', async () => {
    const { fetch, wait, pauses } = fakeServer({ [`/${ID}/resolve/main/config.json`]: json({ a: 1 }) }, (answer, _request, n) =>
      n === 0 ? { status: 429, headers: { 'retry-after': '20' }, body: new Uint8Array() } : answer,
    )
    expect(await openSource(ID, { fetch, wait }).json('config.json')).toEqual({ a: 1 })
    expect(pauses).toEqual([20_000])
  })
})
