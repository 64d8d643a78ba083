import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { BatchResult } from '../../cli/batch-response.ts'
import { goldenImages, randomModel } from './places.ts'
import { runCli, scratchFolder, startCli } from './run-cli.ts'

const folder = scratchFolder()
const common = [
  '--model',
  randomModel,
  '--served-model-name',
  'random',
  '--max-model-len',
  '300',
  '--limit-mm-per-prompt',
  'image=2',
  '--dtype',
  'float32',
]
const shapes = join(goldenImages, 'shapes.png')
const dataUrl = `data:image/png;base64,${readFileSync(shapes).toString('base64')}`

const line = (custom_id: string, body: object): string => JSON.stringify({ custom_id, method: 'POST', url: '/v1/chat/completions', body })
const ask = (content: unknown, more: object = {}): object => ({
  model: 'random',
  messages: [{ role: 'user', content }],
  temperature: 0,
  max_tokens: 6,
  ...more,
})
const image = (url: unknown): object => ({ type: 'image_url', image_url: url })
const text = (value: string): object => ({ type: 'text', text: value })

interface Body {
  choices: {
    message: { role: string; content: string; refusal: null }
    finish_reason: string
    logprobs: { content: { token: string; top_logprobs: unknown[] }[] } | null
  }[]
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number }
  error: { message: string; type: string; param: null; code: string | null }
  object: string
  model: string
}

const readOutput = (path: string): BatchResult[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((each) => JSON.parse(each))
const bodyOf = (result: BatchResult | undefined): Body => result?.response.body as Body

async function runLines(name: string, lines: readonly string[], ...flags: string[]) {
  const [input, output] = [join(folder, `${name}.in.jsonl`), join(folder, `${name}.out.jsonl`)]
  writeFileSync(input, `${lines.join('\n')}\n`)
  const result = await runCli('run-batch', '-i', input, '-o', output, ...common, ...flags)
  return { ...result, input, output, results: existsSync(output) ? readOutput(output) : [] }
}

describe('ocellus run-batch', () => {
  it('answers every line in order, and writes a line’s error into its line', async () => {
    const server = createServer((_, response) => response.end(readFileSync(shapes)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const remote = `http://127.0.0.1:${(server.address() as AddressInfo).port}/shapes.png`
    const cases: [id: string, request: string, status: number, message?: RegExp][] = [
      ['text', line('text', ask('Hello')), 200],
      ['data', line('data', ask([image({ url: dataUrl }), text('What?')])), 200],
      ['file', line('file', ask([image({ url: pathToFileURL(shapes).href }), text('What?')])), 200],
      ['frames', line('frames', ask([{ type: 'video', video: [dataUrl, dataUrl] }, text('What?')])), 200],
      ['logprobs', line('logprobs', ask('Hello', { logprobs: true, top_logprobs: 3 })), 200],
      ['long', line('long', ask('word '.repeat(900))), 400, /max_model_len/],
      ['three', line('three', ask([image({ url: dataUrl }), image({ url: dataUrl }), image({ url: dataUrl })])), 400, /image/],
      ['outside', line('outside', ask([image({ url: 'file:///etc/passwd' })])), 400, /allowed-local-media-path/],
      ['private', line('private', ask([image({ url: remote })])), 400, /allowed-media-domains 127\.0\.0\.1/],
      ['video', line('video', ask([{ type: 'video_url', video_url: { url: 'x.mp4' } }])), 400, /frames/],
      ['bare', line('bare', ask([image(dataUrl)])), 400, /image_url/],
      ['broken', line('broken', ask([image({ url: 'data:image/png;base64,AAAA' })])), 400],
      ['other', line('other', { ...ask('x'), model: 'gpt-4o' }), 404, /served-model-name/],
      ['stream', line('stream', ask('x', { stream: true })), 400, /stream/],
      ['url', JSON.stringify({ custom_id: 'url', method: 'POST', url: '/v1/embeddings', body: {} }), 400, /v1\/chat\/completions/],
      ['last', line('last', ask('Bye', { n: 2, temperature: 1, seed: 3 })), 200],
    ]
    const requests = cases.map(([, request]) => request)
    const { status, results, stderr } = await runLines(
      'all',
      [...requests.slice(0, 5), '{not json', '', ...requests.slice(5)],
      '--allowed-local-media-path',
      goldenImages,
    )
    server.close()
    expect(status).toBe(0)
    expect(stderr).toMatch(/17 requests answered in .*; 11 of them with an error/)
    expect(results.map(({ custom_id }) => custom_id)).toEqual([
      ...cases.slice(0, 5).map(([id]) => id),
      null,
      ...cases.slice(5).map(([id]) => id),
    ])
    expect(bodyOf(results[5]).error.message).toContain('not JSON')
    for (const [id, , code, message] of cases) {
      const result = results.find(({ custom_id }) => custom_id === id)
      expect([id, result?.response.status_code, result?.error === null]).toEqual([id, code, code === 200])
      if (message) expect(bodyOf(result).error.message).toMatch(message)
    }
    const [hello, data, file, , logprobs] = results
    expect(bodyOf(hello).object).toBe('chat.completion')
    expect(bodyOf(hello).model).toBe('random')
    expect(bodyOf(hello).usage.completion_tokens).toBe(6)
    expect(bodyOf(hello).choices[0]?.finish_reason).toBe('length')
    expect(bodyOf(file).choices[0]?.message).toEqual(bodyOf(data).choices[0]?.message)
    expect(bodyOf(logprobs).choices[0]?.logprobs?.content.map(({ top_logprobs }) => top_logprobs.length)).toEqual([3, 3, 3, 3, 3, 3])
    expect(bodyOf(results.at(-1)).choices.length).toBe(2)
  })

  it('goes on where a killed run has stopped', async () => {
    const requests = Array.from({ length: 24 }, (_, i) => line(`r${i}`, ask(`Number ${i}`, { max_tokens: 24, ignore_eos: true })))
    const [input, output] = [join(folder, 'killed.in.jsonl'), join(folder, 'killed.out.jsonl')]
    writeFileSync(input, requests.join('\n'))
    const flags = ['run-batch', '-i', input, '-o', output, ...common, '--concurrency', '2']
    const { child, result } = startCli(...flags)
    while (!existsSync(output) || readFileSync(output, 'utf8').split('\n').length < 4)
      await new Promise((resolve) => setTimeout(resolve, 50))
    child.kill('SIGKILL')
    await result
    const kept = readFileSync(output, 'utf8').split('\n').slice(0, -1)
    expect(kept.length).toBeLessThan(24)
    appendFileSync(output, '{"id": "batch_req_1", "custom_id": "r')
    const again = await runCli(...flags)
    expect(again.status).toBe(0)
    expect(again.stderr).toContain(`${kept.length} of 24 requests are answered already`)
    const lines = readFileSync(output, 'utf8').trimEnd().split('\n')
    expect(lines.slice(0, kept.length)).toEqual(kept)
    expect(readOutput(output).map(({ custom_id }) => custom_id)).toEqual(Array.from({ length: 24 }, (_, i) => `r${i}`))
    expect(readOutput(output).every(({ error }) => error === null)).toBe(true)
  })

  it('keeps away from an output of other requests', async () => {
    const first = await runLines('mine', [line('a', ask('x'))])
    const second = join(folder, 'theirs.in.jsonl')
    writeFileSync(second, line('b', ask('x')))
    const before = readFileSync(first.output, 'utf8')
    const { status, stderr } = await runCli('run-batch', '-i', second, '-o', first.output, ...common)
    expect(status).toBe(2)
    expect(stderr).toMatch(/answers "a".*asks "b".*--overwrite/)
    expect(readFileSync(first.output, 'utf8')).toBe(before)
  })
})
