import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startModelSite, streamedBytes } from './model-site.ts'
import { pictures, randomModel } from './places.ts'
import { type CliResult, startCliWith } from './run-cli.ts'

const OCELLUS_CACHE = mkdtempSync(join(tmpdir(), 'ocellus-cache-'))
const run = (...args: string[]): Promise<CliResult> => startCliWith({ OCELLUS_CACHE }, ...args).result
const describeWith = (model: string, ...flags: string[]): Promise<CliResult> =>
  run('describe', join(pictures, 'shapes.png'), '--model', model, '--max-tokens', '2', '--max-model-len', '2048', ...flags)

/** What `cache list --json` says, without times. */
async function kept(): Promise<unknown[]> {
  const { status, stdout } = await run('cache', '--json')
  expect(status).toBe(0)
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => {
    const { model, kind, recipe, complete, bytes, last_used } = JSON.parse(line)
    expect([bytes > 0, Number.isNaN(Date.parse(last_used))]).toEqual([true, false])
    return [model, kind, recipe, complete]
  })
}

describe('ocellus cache', () => {
  it('has nothing to list where nothing has run', async () => {
    expect(await run('cache')).toEqual({ status: 0, stdout: '', stderr: '' })
    expect(await run('cache', 'clear')).toEqual({ status: 0, stdout: '0.0 MB freed\n', stderr: '' })
  })

  it('lists what runs have left, local folders by their name, and clears them', async () => {
    const site = await startModelSite(randomModel)
    try {
      const name = basename(randomModel)
      expect((await describeWith(randomModel)).status).toBe(0)
      expect((await describeWith(site.model, '--quantization', 'q8')).status).toBe(0)
      expect(streamedBytes(site)).toBeGreaterThan(100_000)
      site.sent.length = 0
      expect((await describeWith(site.model, '--quantization', 'q8')).status).toBe(0)
      expect((await describeWith(randomModel)).status).toBe(0)
      expect(streamedBytes(site)).toBe(0)
      const address = site.model.replace(/\/$/, '')
      expect((await kept()).sort()).toEqual(
        [
          [name, 'weights', 'float32', true],
          [address, 'files', '', true],
          [address, 'weights', 'float32, q8', true],
        ].sort(),
      )
      const { stdout } = await run('cache', 'list')
      expect(stdout).toContain(`${name}  weights as float32  0.8 MB  ${new Date().toISOString().slice(0, 8)}`)
      const cleared = await run('cache', 'clear', randomModel)
      expect([cleared.status, cleared.stdout]).toEqual([0, '0.8 MB freed\n'])
      expect((await kept()).length).toBe(2)
      const unknown = await run('cache', 'clear', 'owner/name')
      expect(unknown).toEqual({ status: 1, stdout: '0.0 MB freed\n', stderr: 'Nothing is kept of owner/name.\n' })
      await run('cache', 'clear')
      expect(await kept()).toEqual([])
    } finally {
      await site.close()
    }
  })

  it('keeps nothing with --no-cache', async () => {
    expect((await describeWith(randomModel, '--no-cache')).status).toBe(0)
    expect(await kept()).toEqual([])
  })

  it('says what it cannot do while another one runs', async () => {
    const folder = readdirSync(OCELLUS_CACHE).find((each) => each.startsWith('chromium-')) as string
    writeFileSync(join(OCELLUS_CACHE, folder, '0.lock'), `${hostname()} ${process.pid} 1`)
    const { status, stderr } = await run('cache', 'clear')
    expect([status, stderr]).toEqual([1, 'Another ocellus is running; what it has loaded is left out.\n'])
  })

  it.each([
    [['cache', 'empty'], /cache takes 'list' or 'clear', not 'empty'/],
    [['cache', 'list', 'a/b'], /cache list takes no models/],
    [['cache', '--jsn'], /There is no flag --jsn; do you mean --json\?/],
    [['describe', 'x.png', '--max-cache-bytes', '-1'], /max-cache-bytes/],
  ])('says what is wrong: %s', async (args, error) => {
    const { status, stderr } = await run(...args)
    expect(stderr).toMatch(error)
    expect(status).toBe(2)
  })
})
