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

const line = (custom_id: string, body: object, url = '/v1/chat/completions'): string =>
  JSON.stringify({ custom_id, method: 'POST', url, body })
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
/** Whole lines of a file that may not be there yet. */
const linesOf = (path: string): string[] => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [])
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
      ['video', line('video', ask([{ type: 'video_url', video_url: { url: 'x.mp4' } }])), 400, /is no address of media/],
      ['bare', line('bare', ask([image(dataUrl)])), 400, /image_url/],
      ['broken', line('broken', ask([image({ url: 'data:image/png;base64,AAAA' })])), 400],
      ['other', line('other', { ...ask('x'), model: 'gpt-4o' }), 404, /gpt-4o/],
      ['stream', line('stream', ask('x', { stream: true })), 400, /stream/],
      ['url', line('url', {}, '/v1/audio/speech'), 400, /url is .*\/v1\/chat\/completions, \/v1\/completions, \/v1\/embeddings/],
      ['method', JSON.stringify({ custom_id: 'method', method: 'GET', url: '/v1/models', body: {} }), 400, /method is "GET"/],
      ['embed', line('embed', { model: 'random', input: 'x' }, '/v1/embeddings'), 400, /embed/],
      ['complete', line('complete', { model: 'random', prompt: 'Hello', max_tokens: 4, temperature: 0 }, '/v1/completions'), 200],
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
    expect(stderr).toMatch(/20 requests answered in .*; 13 of them with an error/)
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

  it('goes on where a run was killed, any number of times, with every line once and in its place', async () => {
    const count = 60
    const ids = Array.from({ length: count }, (_, i) => `r${i}`)
    const requests = ids.map((id, i) => line(id, ask(`Number ${i}`, { max_tokens: 4 + ((i * 37) % 60), ignore_eos: true })))
    const [input, output] = [join(folder, 'killed.in.jsonl'), join(folder, 'killed.out.jsonl')]
    writeFileSync(input, requests.join('\n'))
    const flags = ['run-batch', '-i', input, '-o', output, ...common, '--concurrency', '3', '--workers', '2']
    let kept: string[] = []
    // Each run is killed once it has written some lines more, and then at any moment within 50 ms.
    for (const more of [1, 11, 17]) {
      const { child, result } = startCli(...flags)
      while (linesOf(output).length < kept.length + more) await new Promise((resolve) => setTimeout(resolve, 10))
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 50))
      child.kill('SIGKILL')
      await result
      const left = linesOf(output)
      expect(left.slice(0, kept.length)).toEqual(kept)
      expect(left.length).toBeLessThan(count)
      kept = left
    }
    appendFileSync(output, '{"id": "batch_req_1", "custom_id": "r')
    const again = await runCli(...flags)
    expect(again.status).toBe(0)
    expect(again.stderr).toContain(`${kept.length} of ${count} requests are answered already`)
    expect(linesOf(output).slice(0, kept.length)).toEqual(kept)
    const results = readOutput(output)
    expect(results.map(({ custom_id }) => custom_id)).toEqual(ids)
    expect(results.map(({ response }) => response.status_code)).toEqual(ids.map(() => 200))
    expect(results.map((result) => bodyOf(result).usage.completion_tokens)).toEqual(ids.map((_, i) => 4 + ((i * 37) % 60)))
  })

  it('gives with two workers what it gives with one', async () => {
    const requests = Array.from({ length: 12 }, (_, i) => line(`r${i}`, ask([image({ url: dataUrl }), text(`Number ${i}`)])))
    const texts = async (workers: string): Promise<string[]> => {
      const { status, results } = await runLines(`workers-${workers}`, requests, '--workers', workers)
      expect(status).toBe(0)
      return results.map((result) => bodyOf(result).choices[0]?.message.content ?? '')
    }
    const one = await texts('1')
    expect(one.length).toBe(12)
    expect(await texts('2')).toEqual(one)
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
