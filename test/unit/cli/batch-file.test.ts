import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findFinished, linesOf } from '../../../cli/batch-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'ocellus-'))
let count = 0
const file = (content: string): string => {
  const path = join(folder, String(count++))
  writeFileSync(path, content)
  return path
}

const request = (id: string): string => JSON.stringify({ custom_id: id })
const answer = (id: string | null): string => JSON.stringify({ id: 'x', custom_id: id, response: { body: 'ü' }, error: null })
const requests = file(['\ufeff' + request('a'), '', request('b'), 'not json', request('d')].join('\r\n'))

describe('linesOf', () => {
  it('splits at line feeds alone: JSON may hold other line ends', async () => {
    const lines = [`{"custom_id": "\u2028\u2029\u0085",\r"a": 1}`, 'x'.repeat(200_000), 'last']
    const read: string[] = []
    for await (const line of linesOf(file(`\ufeff${lines.join('\n\n')}`))) read.push(line)
    expect(read).toEqual(lines)
  })
})

describe('findFinished', () => {
  const cases: [what: string, output: string, done: number, kept: string][] = [
    ['nothing', '', 0, ''],
    ['whole lines', `${answer('a')}\n${answer('b')}\n`, 2, `${answer('a')}\n${answer('b')}\n`],
    ['half a line', `${answer('a')}\n${answer('b').slice(0, 20)}`, 1, `${answer('a')}\n`],
    ['a whole line without its end', `${answer('a')}\n${answer('b')}`, 1, `${answer('a')}\n`],
    ['zeros where a crash left a hole', `${answer('a')}\n\0\0\0\n${answer('b')}\n`, 1, `${answer('a')}\n`],
    [
      'an answer to a line that was not JSON',
      `${[answer('a'), answer('b'), answer(null), answer('d')].join('\n')}\n`,
      4,
      `${[answer('a'), answer('b'), answer(null), answer('d')].join('\n')}\n`,
    ],
  ]
  for (const [what, output, done, kept] of cases) {
    it(`keeps what is whole: ${what}`, async () => {
      expect(await findFinished(requests, file(output))).toEqual({ total: 4, done, bytes: Buffer.byteLength(kept) })
    })
  }

  it('knows the output of other requests', async () => {
    const outcome = (output: string): Promise<unknown> => findFinished(requests, file(output)).catch((error: Error) => error.message)
    expect(await outcome(`${answer('a')}\n${answer('x')}\n`)).toMatch(/line 2 answers "x".* asks "b"/)
    expect(await outcome(`${Array(5).fill(answer(null)).join('\n')}\n`)).toMatch(/answers null/)
  })

  const strangers: [what: string, content: string][] = [
    ['requests, where -i and -o were mixed up', `${request('a')}\n${request('b')}\n`],
    ['a text', 'Dear diary,\nit rained.\n'],
    ['a text of one line without an end', 'Dear diary'],
    ['an empty line before more', '\nmore\n'],
  ]
  for (const [what, content] of strangers) {
    it(`does not take ${what} for an output to go on with`, async () => {
      const message = await findFinished(requests, file(content)).catch((error: Error) => error.message)
      expect(message).toMatch(/holds something else than answers/)
    })
  }

  it('begins anew where the first line was cut short or never reached the disk', async () => {
    for (const content of ['{"id":"ba', '{"id":"batch_req_1","custom_id":"a","resp', '\0\0\0\n'])
      expect(await findFinished(requests, file(content))).toEqual({ total: 4, done: 0, bytes: 0 })
  })

  it('counts answers for which there are no requests', async () => {
    const single = file(request('a'))
    const message = await findFinished(single, file(`${answer('a')}\n${answer('b')}\n`)).catch((error: Error) => error.message)
    expect(message).toMatch(/has 2 answers, but .* only 1 requests/)
  })
})
