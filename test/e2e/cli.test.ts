import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BenchReport } from '../../cli/bench.ts'
import { hasGpu } from '../../cli/chromium.ts'
import { embeddedModel, pictures, randomModel } from './places.ts'
import { runCli, scratchFolder } from './run-cli.ts'

const folder = scratchFolder()
const shapes = join(pictures, 'shapes.png')
const sign = join(pictures, 'sign.png')

describe('ocellus describe', () => {
  it('describes every picture, and says what it runs on', async () => {
    const { status, stdout, stderr } = await runCli('describe', shapes, sign, '--model', embeddedModel)
    expect(status).toBe(0)
    const [first = '', second = '', ...rest] = stdout.trimEnd().split('\n')
    expect(rest).toEqual([])
    expect(first).toMatch(/shapes\.png: .*red star/i)
    expect(first).toMatch(/blue circle/i)
    expect(second).toMatch(/sign\.png: .*FRESH COFFEE/i)
    expect(stderr).toMatch(hasGpu() ? / on .*, float16/ : /Warning: .* is a software adapter/)
  })

  it('answers a question as JSON, goes on after a picture that is none, and then fails', async () => {
    const broken = join(folder, 'broken.png')
    writeFileSync(broken, 'this is text')
    const dataUrl = `data:image/png;base64,${readFileSync(shapes).toString('base64')}`
    const { status, stdout, stderr } = await runCli(
      'describe',
      broken,
      dataUrl,
      '--model',
      embeddedModel,
      '--json',
      '--prompt',
      'What color is the circle?',
    )
    expect(status).toBe(1)
    const [first, second] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(first.image).toBe(broken)
    expect(first.error.name).toBe('MediaError')
    expect(stderr).toContain(`${broken}: `)
    expect(second.text).toMatch(/blue/i)
    expect(second.finish_reason).toBe('stop')
    expect(second.usage.total_tokens).toBe(second.usage.prompt_tokens + second.usage.completion_tokens)
  })

  it('tells what moves in a clip', async () => {
    const clip = join(import.meta.dirname, '../../demo/examples/media/ball.webm')
    const { status, stdout } = await runCli('describe', clip, '--model', embeddedModel, '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ video: clip, text: 'The orange circle moves to the right.' })
  })
})

describe('ocellus bench', () => {
  it('prints figures as JSON; steady decoding makes no bind group and no buffer', async () => {
    const { status, stdout } = await runCli(
      'bench',
      '--model',
      randomModel,
      '--json',
      '--runs',
      '2',
      '--output-tokens',
      '48',
      '--prompt-tokens',
      '64',
      '--dtype',
      'float32',
    )
    expect(status).toBe(0)
    const report = JSON.parse(stdout) as BenchReport
    expect(report.model).toBe(randomModel)
    expect(report.same_output).toBe(true)
    expect(report.per_token.bind_groups).toBe(0)
    expect(report.per_token.buffers).toBe(0)
    expect(report.queue_writes_per_submit).toBeLessThanOrEqual(4)
    for (const key of [
      'load_ms',
      'first_token_ms',
      'first_token_picture_ms',
      'decode_tokens_per_second',
      'prefill_tokens_per_second',
      'gpu_bytes',
    ] as const) {
      expect([key, Number(report[key]) > 0]).toEqual([key, true])
    }
    expect(report.per_token.dispatches).toBeGreaterThan(1)
  })
})

const mistakes: [what: string, args: string[], error: RegExp][] = [
  ['an unknown command', ['descirbe'], /There is no command 'descirbe'/],
  ['an unknown flag', ['describe', 'x.png', '--promt', 'x'], /There is no flag --promt; do you mean --prompt\?/],
  ['a flag without its value', ['describe', 'x.png', '--prompt'], /--prompt needs a value/],
  ['no picture', ['describe'], /at least one picture/],
  ['a picture that is not there', ['describe', 'no-such.png'], /no file no-such\.png/],
  ['a number that is none', ['describe', shapes, '--max-tokens', 'many'], /--max-tokens is 'many'/],
  ['a limit of no known form', ['bench', '--limit-mm-per-prompt', 'pictures'], /--limit-mm-per-prompt has 'pictures'/],
  ['a model folder that is not there', ['describe', shapes, '--model', './no-such-folder'], /no such folder/],
  ['a Chromium that is not there', ['describe', shapes, '--chromium', '/no/chromium'], /\/no\/chromium, which does not exist/],
  ['no files for a batch', ['run-batch'], /needs -i/],
]

describe('ocellus, misunderstood', () => {
  for (const [what, args, error] of mistakes) {
    it(`says so and exits with 2: ${what}`, async () => {
      const { status, stdout, stderr } = await runCli(...args)
      expect(stderr).toMatch(error)
      expect([status, stdout]).toEqual([2, ''])
    })
  }

  it('exits with 1 for a model that cannot be loaded', async () => {
    const { status, stderr } = await runCli('describe', shapes, '--model', folder)
    expect(stderr).toMatch(/ModelLoadError: .*config\.json/)
    expect(stderr).toContain(folder)
    expect(status).toBe(1)
  })

  it('explains itself', async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'))
    expect(await runCli('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
    for (const command of ['describe', 'serve', 'run-batch', 'bench']) {
      const { status, stdout } = await runCli(command, '--help')
      expect([status, stdout.startsWith(`ocellus ${command}`)]).toEqual([0, true])
    }
  })
})
