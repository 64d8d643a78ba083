import { describe, expect, it } from 'vitest'
import { JsonParser } from '../../../../src/server/tools/json-parser.ts'
import { countingIds, readAnswer, waysToCut } from './joined-answer.ts'

const tools = ['time', 'put']
const parser = (maxCalls?: number) =>
  new JsonParser({ makeId: countingIds(), accepts: (name) => tools.includes(name), ...(maxCalls === undefined ? {} : { maxCalls }) })

type Call = [name: string, json: string]

/** What the model wrote, the text that is left, the calls. */
const answers: [what: string, text: string, content: string, ...calls: Call[]][] = [
  ['text alone', 'Use {"name": "time", "parameters": {}} for that; <|python', 'Use {"name": "time", "parameters": {}} for that; <|python'],
  ['nothing', '', ''],
  ['only whitespace', '\n ', '\n '],
  ['a call', '{"name": "time", "parameters": {"zone": "UTC"}}', '', ['time', '{"zone": "UTC"}']],
  ['a call after whitespace', '\n\n{"name": "time", "parameters": {}}\n', '', ['time', '{}']],
  ['a call after the tag', '<|python_tag|>{"name": "time", "parameters": {"zone": "UTC"}}', '', ['time', '{"zone": "UTC"}']],
  ['a call after text and the tag', 'Well.\n<|python_tag|> {"name": "time", "parameters": {}}', 'Well.\n', ['time', '{}']],
  [
    'calls with semicolons between',
    '{"name": "time", "parameters": {"a": ";"}}; {"name": "put", "parameters": {"b": [1]}};{"name": "time"}',
    '',
    ['time', '{"a": ";"}'],
    ['put', '{"b": [1]}'],
    ['time', '{}'],
  ],
  ['calls on lines', '{"name": "time", "parameters": {}}\n{"name": "put", "parameters": {}}', '', ['time', '{}'], ['put', '{}']],
  ['a semicolon at the end', '{"name": "time", "parameters": {}};', '', ['time', '{}']],
  ['text after a call', '{"name": "time", "parameters": {}} is what I want', ' is what I want', ['time', '{}']],
  ['two semicolons', '{"name": "time"};; {"name": "put"}', ';; {"name": "put"}', ['time', '{}']],
  ['text after a semicolon', '{"name": "time", "parameters": {}}; so', '; so', ['time', '{}']],
  ['a second call that is none', '{"name": "time", "parameters": {}}; {"name": "fly"}', '; {"name": "fly"}', ['time', '{}']],
  ['arguments for parameters', '{"type": "function", "name": "put", "arguments": {"t": "\\"}{"}}', '', ['put', '{"t": "\\"}{"}']],
  ['a tag in a string', '{"name": "put", "parameters": {"t": "<|python_tag|>"}}', '', ['put', '{"t": "<|python_tag|>"}']],
  ['JSON that is no call', '{"city": "Rome", "sights": [{"name": "Forum"}]}', '{"city": "Rome", "sights": [{"name": "Forum"}]}'],
  ['JSON with another name in it', '{"name": "Ada", "parameters": {"born": 1815}}', '{"name": "Ada", "parameters": {"born": 1815}}'],
  ['a template', '{{ name }}', '{{ name }}'],
  ['an end in the name', ' {"name": "ti', ' {"name": "ti'],
  ['an end before the parameters', '{"name": "time", ', '{"name": "time", '],
  ['an end in the parameters', '{"name": "put", "parameters": {"t": "a', '', ['put', '{"t": "a']],
  ['half a tag', 'so <|python_ta', 'so <|python_ta'],
]

describe('tool calls as bare JSON', () => {
  for (const [what, text, content, ...calls] of answers) {
    it(`are told from text: ${what}`, () => {
      const expected = calls.map(([name, json], i) => ({ id: `call_${i}`, name, arguments: json }))
      expect(readAnswer(parser(), [text])).toEqual({ content, calls: expected, called: calls.length > 0 })
    })
  }

  it('are the same however the text is cut', () => {
    for (const [, text] of answers) {
      const whole = readAnswer(parser(), [text])
      for (const pieces of waysToCut(text)) expect({ pieces, ...readAnswer(parser(), pieces) }).toEqual({ pieces, ...whole })
    }
  })

  it('do not keep JSON back once its name is no tool', () => {
    const read = parser()
    expect(read.push('{"name": "Ada')).toEqual([])
    expect(read.push('", ')).toEqual([{ content: '{"name": "Ada", ' }])
    expect(read.push('"born"')).toEqual([{ content: '"born"' }])
  })

  it('are left out after the first when only one may be made', () => {
    const text = answers.find(([what]) => what === 'calls with semicolons between')?.[1] ?? ''
    for (const pieces of [[text], ...waysToCut(text)]) {
      expect(readAnswer(parser(1), pieces)).toEqual({
        content: '',
        calls: [{ id: 'call_0', name: 'time', arguments: '{"a": ";"}' }],
        called: true,
      })
    }
  })
})
