import { describe, expect, it } from 'vitest'
import { listEntries } from '../../../src/cache/entries.ts'
import { type FakeServer, fakeServer } from '../weights/fake-server.ts'
import { thrown } from '../weights/thrown.ts'
import { FakeDisk } from './fake-disk.ts'
import { modelFiles, modelServer, visit } from './visit.ts'

const COMMITS = ['a'.repeat(40), 'b'.repeat(40)] as const
const location = 'owner/name'

/** The Hub with one repository whose main is at `commit`, holding the files of `seed`. Paths are told without the repository. */
function hub({ commit = COMMITS[0] as string, seed = 1, refuse = 0 } = {}): FakeServer {
  const files = modelFiles(seed)
  const all = Object.entries(files).flatMap(([path, file]) =>
    ['main', ...COMMITS].map((revision) => [path.replace('/m/', `/${location}/resolve/${revision}/`), file] as const),
  )
  const fault: Parameters<typeof fakeServer>[1] = (answer, { path }) => {
    if (refuse) return { status: refuse, headers: { 'x-error-code': 'RepoNotFound' }, body: new Uint8Array() }
    const [, revision = ''] = /\/resolve\/([^/]+)/.exec(path) ?? []
    const missing = answer.status === 404 ? { 'x-error-code': 'EntryNotFound' } : {}
    return { ...answer, headers: { ...answer.headers, ...missing, 'x-repo-commit': revision === 'main' ? commit : revision } }
  }
  return fakeServer(Object.fromEntries(all), fault, 997)
}

const told = ({ requests }: FakeServer): string[] =>
  requests.map(({ path, headers }) => `${path.split('/resolve/')[1]} ${headers['range'] ?? ''}`)

const fresh = await visit(undefined, modelServer())

describe('a model of the Hub that is kept', () => {
  it('takes one request of a branch that has not moved', async () => {
    const disk = new FakeDisk()
    expect((await visit(disk, hub(), { location })).weights).toEqual(fresh.weights)
    const server = hub()
    const second = await visit(disk, server, { location })
    expect([second.weights, second.texts]).toEqual([fresh.weights, fresh.texts])
    expect(told(server)).toEqual(['main/config.json bytes=0-0'])
  })

  it('takes no request of a commit that is named', async () => {
    const disk = new FakeDisk()
    const options = { revision: COMMITS[0] }
    await visit(disk, hub(), { location, options })
    const server = hub({ refuse: 401 })
    expect((await visit(disk, server, { location, options })).weights).toEqual(fresh.weights)
    expect(told(server)).toEqual([])
  })

  it('is asked file by file when the branch has moved, and keeps weights that are the same', async () => {
    const disk = new FakeDisk()
    await visit(disk, hub(), { location })
    const server = hub({ commit: COMMITS[1] })
    const second = await visit(disk, server, { location })
    expect(second.weights).toEqual(fresh.weights)
    expect(second.progress.every(([, , , cached]) => cached)).toBe(true)
    expect(told(server).every((request) => request.endsWith('bytes=0-0'))).toBe(true)
    const third = hub({ commit: COMMITS[1] })
    await visit(disk, third, { location })
    expect(told(third)).toEqual(['main/config.json bytes=0-0'])
  })

  it('is fetched anew when the branch has moved to other weights', async () => {
    const disk = new FakeDisk()
    await visit(disk, hub(), { location })
    const other = await visit(disk, hub({ commit: COMMITS[1], seed: 2 }), { location })
    expect(other.weights).toEqual((await visit(undefined, modelServer({ seed: 2 }))).weights)
    expect((await listEntries(disk.root)).map(({ kind }) => kind).sort()).toEqual(['files', 'weights', 'weights'])
  })

  it('is not given to those whom the Hub refuses', async () => {
    const disk = new FakeDisk()
    await visit(disk, hub(), { location })
    expect((await thrown(visit(disk, hub({ refuse: 401 }), { location }))).message).toMatch(/owner\/name was not found/)
  })

  it('is taken as it is when the Hub has no answer', async () => {
    const disk = new FakeDisk()
    await visit(disk, hub(), { location })
    for (const refuse of [429, 500, 503]) {
      const server = hub({ refuse })
      expect((await visit(disk, server, { location })).weights).toEqual(fresh.weights)
      expect([server.requests.length, server.pauses]).toEqual([1, []])
    }
  })
})
