import { spawn } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cli, embeddedModel, pictures, randomModel } from './places.ts'
import { README_MODEL, readmeCommands } from './readme-blocks.ts'
import { type CliResult, scratchFolder, testCache } from './run-cli.ts'

const folder = scratchFolder()
for (const name of ['photo.jpg', 'before.png']) copyFileSync(join(pictures, 'shapes.png'), join(folder, name))
copyFileSync(join(pictures, 'sign.png'), join(folder, 'after.png'))
copyFileSync(join(import.meta.dirname, '../goldens/tiny-audio/0-005.wav'), join(folder, 'speech.wav'))
const ask = (custom_id: string, content: string): string =>
  JSON.stringify({
    custom_id,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: embeddedModel, messages: [{ role: 'user', content }], max_tokens: 4 },
  })
writeFileSync(join(folder, 'in.jsonl'), `${ask('one', 'Hello')}\n${ask('two', 'Bye')}\n`)

/** Runs a line in a shell where npx runs this build, npm does nothing, and another model stands for the README's. */
function runLine(line: string, cwd: string): Promise<CliResult> {
  const stubs = `npm() { :; }\nnpx() { shift; "${process.execPath}" "${cli}" "$@"; }\n`
  const child = spawn('bash', ['-c', stubs + line.replaceAll(README_MODEL, `"${embeddedModel}"`)], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OCELLUS_CACHE: testCache },
  })
  const result: CliResult = { status: null, stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (result.stdout += data))
  child.stderr.on('data', (data) => (result.stderr += data))
  return new Promise((resolve) => child.on('close', (status) => resolve({ ...result, status })))
}

describe('the README’s command lines', () => {
  it('describe pictures and sounds', async () => {
    const lines = readmeCommands('describe')
    expect(lines.length).toBe(4)
    const answers: string[] = []
    for (const line of lines) {
      const { status, stdout, stderr } = await runLine(
        line,
        line.includes('demo/pictures') ? resolve(import.meta.dirname, '../..') : folder,
      )
      expect([line, status, stderr.includes('rror')]).toEqual([line, 0, false])
      answers.push(stdout)
    }
    expect(answers[0]).toMatch(/shapes\.png: .*red star/i)
    expect(answers[0]).toMatch(/sign\.png: .*FRESH COFFEE/i)
    expect(answers[1]?.trim()).not.toBe('')
    expect(answers[2]?.trim().split('\n').length).toBe(1)
    expect(answers[3]?.trim()).toBe('Open the music.')
  })

  it('run a batch', async () => {
    const [line = '', ...rest] = readmeCommands('run-batch')
    expect(rest).toEqual([])
    expect(await runLine(line, folder)).toMatchObject({ status: 0 })
    const answers = readFileSync(join(folder, 'out.jsonl'), 'utf8').trimEnd().split('\n')
    expect(answers.map((each) => [JSON.parse(each).custom_id, JSON.parse(each).response.status_code])).toEqual([
      ['one', 200],
      ['two', 200],
    ])
  })

  it('measure, here with a smaller model and for a moment only', async () => {
    const [line = '', ...rest] = readmeCommands('bench')
    expect(rest).toEqual([])
    const short = `--model "${randomModel}" --dtype float32 --runs 1 --output-tokens 16 --prompt-tokens 32`
    const { status, stdout } = await runLine(`${line} ${short}`, folder)
    expect([status, JSON.parse(stdout).model]).toEqual([0, randomModel])
  })
})
