import { describe, expect, it } from 'vitest'
import { ArrayParser } from '../../../../src/server/tools/array-parser.ts'
import { countingIds, readAnswer, waysToCut } from './joined-answer.ts'

const parser = () => new ArrayParser({ makeId: countingIds(), accepts: (name) => ['time', 'put'].includes(name) })

type Call = [name: string, json: string]

const answers: [what: string, text: string, content: string, ...calls: Call[]][] = [
  ['one call', '[{"name": "time", "parameters": {"zone": "UTC"}}]', '', ['time', '{"zone": "UTC"}']],
  ['no whitespace', '[{"name":"time","parameters":{}}]', '', ['time', '{}']],
  [
    'several calls',
    '[\n  {"name": "time", "parameters": {"a": "],["}},\n  {"name": "put", "parameters": {"b": [[1], {}]}}\n]\n',
    '',
    ['time', '{"a": "],["}'],
    ['put', '{"b": [[1], {}]}'],
  ],
  ['text after the list', '[{"name": "time", "parameters": {}}] ok', ' ok', ['time', '{}']],
  ['an end in the parameters', '[{"name": "put", "parameters": {"t": "a', '', ['put', '{"t": "a']],
  ['an end after a call', '[{"name": "time", "parameters": {}},', '', ['time', '{}']],
  ['an end in the second name', '[{"name": "time", "parameters": {}}, {"na', ', {"na', ['time', '{}']],
  ['an end at the beginning', ' [', ' ['],
  ['an end in the name', '[ {"name": "ti', '[ {"name": "ti'],
  ['an empty list', '[]', '[]'],
  ['no list', '{"name": "time", "parameters": {}}', '{"name": "time", "parameters": {}}'],
  ['a list of something else', '[1, 2]', '[1, 2]'],
  ['an unknown tool', '[{"name": "fly", "parameters": {}}]', '[{"name": "fly", "parameters": {}}]'],
  ['nothing', '', ''],
]

describe('tool calls as a JSON array', () => {
  for (const [what, text, content, ...calls] of answers) {
    it(`are read: ${what}`, () => {
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
})
