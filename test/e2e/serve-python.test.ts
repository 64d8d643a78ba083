import { execFile, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { embeddedModel, pictures } from './places.ts'
import { README_MODEL, readmeBlocks, readmeCommands } from './readme-blocks.ts'
import { scratchFolder } from './run-cli.ts'
import { type ServeProcess, startServe } from './serve-process.ts'

/** A Python that has the `openai` package: OCELLUS_TEST_PYTHON or python3. */
const python = [process.env['OCELLUS_TEST_PYTHON'], 'python3'].find((name) => name && spawnSync(name, ['-c', 'import openai']).status === 0)
if (!python) {
  console.log("Parts of serve-python.test.ts are skipped: there is no python3 with the package 'openai' (set OCELLUS_TEST_PYTHON to one).")
}
const runPython = async (...args: string[]): Promise<string> => (await promisify(execFile)(python as string, args)).stdout

let media: Server
/** Where the pictures are. */
let place: string
beforeAll(async () => {
  media = createServer((request, response) => response.end(readFileSync(join(pictures, request.url ?? ''))))
  await new Promise<void>((resolve) => media.listen(0, '127.0.0.1', resolve))
  place = `http://127.0.0.1:${(media.address() as AddressInfo).port}`
})
afterAll(() => void media?.close())

describe.skipIf(!python)('ocellus serve, with the openai client of Python', () => {
  it('runs small versions of vLLM’s examples: one picture, several, streamed', async () => {
    const server = await startServe(embeddedModel, '--served-model-name', 'tiny', '--allowed-media-domains', '127.0.0.1')
    try {
      const script = join(import.meta.dirname, 'python/vision.py')
      const answers = JSON.parse(await runPython(script, `${server.url}/v1`, `${place}/shapes.png`, `${place}/sign.png`))
      expect(answers.model).toBe('tiny')
      expect(answers.by_url).toMatch(/red star/i)
      expect(answers.by_base64).toBe(answers.by_url)
      expect(answers.streamed).toBe(answers.by_url)
      expect(answers.finish_reasons).toEqual(['stop'])
      expect(answers.several_tokens).toBeGreaterThan(answers.one_tokens)
    } finally {
      await server.stop()
    }
  })
})

describe('the README’s server', () => {
  let server: ServeProcess
  beforeAll(async () => {
    const [line = '', ...rest] = readmeCommands('serve')
    expect(rest).toEqual([])
    const [npx, ocellus, serve, ...args] = line.replace(README_MODEL, embeddedModel).split(' ')
    expect([npx, ocellus, serve]).toEqual(['npx', 'ocellus', 'serve'])
    server = await startServe(...args, '--allowed-media-domains', '127.0.0.1')
  })
  afterAll(() => server?.stop())

  it('is started by its line, and asks for the key', async () => {
    const ask = (apiKey: string): Promise<unknown> => server.client({ apiKey }).models.list()
    expect(await ask('secret')).toMatchObject({ data: [{ id: embeddedModel }] })
    await expect(ask('wrong')).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
  })

  it.skipIf(!python)('answers its example in Python', async () => {
    const [block = '', ...rest] = readmeBlocks('python')
    expect(rest).toEqual([])
    const script = join(scratchFolder(), 'example.py')
    const local = block
      .replace('http://127.0.0.1:8000', server.url)
      .replace(README_MODEL, embeddedModel)
      .replace('https://example.org', place)
    writeFileSync(script, local)
    expect(await runPython(script)).toMatch(/red star/i)
  })
})
