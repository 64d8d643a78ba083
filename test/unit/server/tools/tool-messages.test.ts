import { describe, expect, it } from 'vitest'
import { toolCallsForTemplate } from '../../../../src/server/tools/tool-messages.ts'
import { renderChat } from '../../../../src/text/chat-template.ts'
import { hermesTemplate } from '../../../support/tool-template.ts'

const call = (json: unknown) => ({ id: 'c1', type: 'function', function: { name: 'put', arguments: json } })
const assistant = (...json: unknown[]) => ({ role: 'assistant', content: '', tool_calls: json.map(call) })

describe('tool calls in messages', () => {
  const cases: [what: string, given: unknown, expected: unknown][] = [
    ['JSON text', '{"t": [1, "é"]}', { t: [1, 'é'] }],
    ['an empty text', '', {}],
    ['nothing', undefined, {}],
    ['null', null, {}],
    ['an object', { t: 1 }, { t: 1 }],
    ['a text that is no JSON', '{"t": 1', '{"t": 1'],
  ]
  for (const [what, given, expected] of cases) {
    it(`have arguments as objects, from ${what}`, () => {
      expect(toolCallsForTemplate(assistant(given))).toEqual(assistant(expected))
    })
  }

  it('are left out where there are none', () => {
    expect(toolCallsForTemplate({ role: 'assistant', content: 'x', tool_calls: [] })).toEqual({ role: 'assistant', content: 'x' })
    expect(toolCallsForTemplate({ role: 'assistant', content: 'x', tool_calls: null })).toEqual({ role: 'assistant', content: 'x' })
  })

  it('leave other messages and the given ones alone', () => {
    const result = { role: 'tool', tool_call_id: 'c1', content: '{}' }
    expect(toolCallsForTemplate(result)).toBe(result)
    const message = assistant('{}')
    toolCallsForTemplate(message)
    expect(message).toEqual(assistant('{}'))
  })

  for (const tool_calls of ['x', {}, [7], [{ id: 'c', function: {} }], [{ function: { name: 1 } }]]) {
    it(`are refused when they are ${JSON.stringify(tool_calls)}`, () => {
      expect(() => toolCallsForTemplate({ tool_calls }, 'messages[2]')).toThrow(/^messages\[2\]\.tool_calls/)
    })
  }

  it('are written by a template with tools', () => {
    const messages = [
      { role: 'user', content: 'Put it there.' },
      toolCallsForTemplate(assistant('{"place":"there","count":2}')),
      { role: 'tool', tool_call_id: 'c1', content: 'done' },
    ]
    const tools = [{ type: 'function', function: { name: 'put' } }]
    expect(renderChat(hermesTemplate, { messages, tools, add_generation_prompt: true })).toBe(
      '<|im_start|>system\nYou help people.\n\nFunctions you may call:\n{"type": "function", "function": {"name": "put"}}\n' +
        'Call one by writing <tool_call>\n{"name": its name, "arguments": its arguments}\n</tool_call><|im_end|>\n' +
        '<|im_start|>user\nPut it there.<|im_end|>\n' +
        '<|im_start|>assistant\n\n<tool_call>\n{"name": "put", "arguments": {"place": "there", "count": 2}}\n</tool_call><|im_end|>\n' +
        '<|im_start|>user\n<tool_response>\ndone\n</tool_response><|im_end|>\n<|im_start|>assistant\n',
    )
  })
})
