import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type IsolatedServer, startIsolatedServer } from '../../bench/peers/isolated-server.ts'

let server: IsolatedServer
let memory: string
let folder: string
const place = mkdtempSync(join(tmpdir(), 'ocellus-isolated-'))

beforeAll(async () => {
  server = await startIsolatedServer()
  memory = server.mount(new Map([['a/b.json', Buffer.from('{"c":1}')]]))
  writeFileSync(join(place, 'x.wasm'), 'wasm!')
  folder = server.mount(place)
})
afterAll(async () => {
  await server.close()
  rmSync(place, { recursive: true })
})

describe('a server of isolated pages', () => {
  it.each([
    ['a file in memory', () => `${memory}a/b.json`, '{"c":1}', 'application/json; charset=utf-8'],
    ['a file of a folder', () => `${folder}x.wasm`, 'wasm!', 'application/wasm'],
  ])('gives %s with the headers of isolation', async (_, url, text, type) => {
    const answer = await fetch(url())
    expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([200, text, type])
    expect(answer.headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(answer.headers.get('cross-origin-embedder-policy')).toBe('require-corp')
    expect(answer.headers.get('cross-origin-resource-policy')).toBe('same-origin')
  })

  it.each([
    ['bytes=1-3', 206, 'asm', 'bytes 1-3/5'],
    ['bytes=3-', 206, 'm!', 'bytes 3-4/5'],
    ['bytes=9-', 416, '', null],
  ])('gives the range %s', async (range, status, text, given) => {
    const answer = await fetch(`${folder}x.wasm`, { headers: { range } })
    expect([answer.status, await answer.text(), answer.headers.get('content-range')]).toEqual([status, text, given])
  })

  it.each(['nothing', '..%2f..%2fetc%2fpasswd', ''])('has no file %o', async (path) => {
    expect((await fetch(folder + path)).status).toBe(404)
    expect((await fetch(memory + path)).status).toBe(404)
  })
})
