import { describe, expect, it } from 'vitest'
import { stripComments } from '../../../scripts/wgsl-plugin.ts'
import { workerUrl } from '../../../scripts/worker-url-plugin.ts'

describe('comments of a shader', () => {
  it.each([
    ['line comments', 'let a = 1; // one\nlet b = 2;', 'let a = 1;\nlet b = 2;'],
    ['block comments, nested too', 'a /* b /* c */ d */ e', 'a  e'],
    ['line breaks stay, so that lines keep their numbers', '// a\n/* b\nc */\nd', '\n\n\nd'],
    ['a division is none', 'a / b * c', 'a / b * c'],
    ['an open line comment at the end', 'a //', 'a'],
  ])('%s', (_name, code, expected) => {
    expect(stripComments(code)).toBe(expected)
  })
})

describe('the address of the engine worker', () => {
  const { transform } = workerUrl()
  const spelled = "new Worker(new URL('../worker/engine.worker.ts', import.meta.url), { type: 'module' })"

  it('becomes that of the built worker', () => {
    expect(transform(`const w = ${spelled}`, '/src/api/llm.ts')?.code).toBe(
      "const w = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })",
    )
  })

  it('is left alone where there is none', () => {
    expect(transform('const a = 1', '/src/api/llm.ts')).toBe(null)
  })

  it.each([
    ['twice', `${spelled}\n${spelled}`],
    ['in another way', "new Worker(new URL('./engine.worker.ts', import.meta.url))"],
  ])('is refused %s', (_name, code) => {
    expect(() => transform(code, '/src/api/llm.ts')).toThrow('spell the worker once')
  })
})
