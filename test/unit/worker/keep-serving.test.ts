import { describe, expect, it } from 'vitest'
import { uncaughtHandler } from '../../../src/worker/keep-serving.ts'

/** What a worker is told to do about errors at these seconds. */
function responses(seconds: readonly number[]): string[] {
  const said: string[] = []
  let now = 0
  const handle = uncaughtHandler(
    {
      failOpen: ({ name, message }) => said.push(`fail ${name}: ${message}`),
      close: ({ name, message }) => said.push(`close ${name}: ${message}`),
    },
    () => now * 1000,
  )
  for (const second of seconds) {
    now = second
    handle(second === 0 ? 'a text' : new Error(`fault ${second}`))
  }
  return said
}

describe('errors that nobody in the worker caught', () => {
  it('end the open requests, and the third within a minute the engine', () => {
    const said = responses([0, 10, 59])
    expect(said[0]).toMatch(/^fail Error: .*\(a text\).*the next ones are served/)
    expect(said[1]).toMatch(/^fail Error: .*\(fault 10\)/)
    expect(said[2]).toMatch(/^close DeviceLostError: .* 3 times within a minute, last with: fault 59\. Make a new LLM/)
  })

  it('may go on for ever when they are rare', () => {
    expect(responses([1, 30, 62, 95, 130]).filter((what) => what.startsWith('close'))).toEqual([])
  })
})
