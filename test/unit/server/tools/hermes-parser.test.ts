import { describe, expect, it } from 'vitest'
import { HermesParser } from '../../../../src/server/tools/hermes-parser.ts'
import { countingIds, readAnswer, waysToCut } from './joined-answer.ts'

const parser = (maxCalls?: number) => new HermesParser({ makeId: countingIds(), ...(maxCalls === undefined ? {} : { maxCalls }) })

type Call = [name: string, json: string]

/** What the model wrote, the text that is left, the calls. */
const answers: [what: string, text: string, content: string, ...calls: Call[]][] = [
  ['text alone', 'It is 3 < 4 and <b>bold</b> <tool', 'It is 3 < 4 and <b>bold</b> <tool'],
  ['nothing', '', ''],
  ['only whitespace', ' \n', ' \n'],
  ['a call', '<tool_call>\n{"name": "time", "arguments": {"zone": "UTC"}}\n</tool_call>', '', ['time', '{"zone": "UTC"}']],
  ['a call without line breaks', '<tool_call>{"name":"time","arguments":{}}</tool_call>', '', ['time', '{}']],
  [
    'arguments to the letter',
    '<tool_call>\n{"name": "put", "arguments": { "a" : [1,  2.0e3, {"b": null}],\n "t": "é \\u00e9 \\"}{\\\\" }}\n</tool_call>',
    '',
    ['put', '{ "a" : [1,  2.0e3, {"b": null}],\n "t": "é \\u00e9 \\"}{\\\\" }'],
  ],
  [
    'tags in a string',
    '<tool_call>\n{"name": "put", "arguments": {"t": "a</tool_call>b<tool_call>{"}}\n</tool_call> done',
    ' done',
    ['put', '{"t": "a</tool_call>b<tool_call>{"}'],
  ],
  [
    'text around calls',
    'Let me see.\n<tool_call>\n{"name": "a", "arguments": {"x": 1}}\n</tool_call>\nAnd\n<tool_call>\n{"name": "b", "arguments": {}}\n</tool_call>\nbye',
    'Let me see.\n\nAnd\n\nbye',
    ['a', '{"x": 1}'],
    ['b', '{}'],
  ],
  [
    'whitespace around calls, which is markup',
    '\n<tool_call>\n{"name": "a", "arguments": {"x": 1}}\n</tool_call>\n\n<tool_call>\n{"name": "b", "arguments": {}}\n</tool_call>\n',
    '',
    ['a', '{"x": 1}'],
    ['b', '{}'],
  ],
  ['parameters for arguments', '<tool_call>{"name": "a", "parameters": {"x": 1}}</tool_call>', '', ['a', '{"x": 1}']],
  ['arguments before the name', '<tool_call>{"arguments": {"x": [{}]}, "name": "a"}</tool_call>', '', ['a', '{"x": [{}]}']],
  [
    'other keys',
    '<tool_call>{"id": 7, "name": "a", "k": {"name": "no"}, "arguments": {"x": 1}, "z": "}"}</tool_call>',
    '',
    ['a', '{"x": 1}'],
  ],
  ['arguments given twice', '<tool_call>{"name": "a", "arguments": {"x": 1}, "parameters": {"y": 2}}</tool_call>', '', ['a', '{"x": 1}']],
  ['no arguments', '<tool_call>\n{"name": "a"}\n</tool_call>', '', ['a', '{}']],
  ['an escaped name', '<tool_call>{"name": "t\\u0069me", "arguments": {}}</tool_call>', '', ['time', '{}']],
  ['arguments that are no object', '<tool_call>{"name": "a", "arguments": "x"}</tool_call>', '', ['a', '"x"']],
  ['null arguments', '<tool_call>{"name": "a", "arguments": null }</tool_call>', '', ['a', 'null']],
  ['a missing end tag', '<tool_call>\n{"name": "a", "arguments": {"x": 1}}\n', '', ['a', '{"x": 1}']],
  ['a missing end tag before text', '<tool_call>{"name": "a", "arguments": {}}\nbye', '\nbye', ['a', '{}']],
  [
    'a missing end tag before a call',
    '<tool_call>{"name": "a", "arguments": {}}\n<tool_call>{"name": "b", "arguments": {}}</tool_call>',
    '',
    ['a', '{}'],
    ['b', '{}'],
  ],
  ['the beginning of some tag after a call', '<tool_call>{"name": "a"} <', ' <', ['a', '{}']],
  ['half an end tag', '<tool_call>{"name": "a", "arguments": {}}\n</tool_ca', '', ['a', '{}']],
  ['a missing outer brace', '<tool_call>\n{"name": "a", "arguments": {"x": 1}\n</tool_call>!', '!', ['a', '{"x": 1}']],
  ['a brace too many', '<tool_call>{"name": "a", "arguments": {"x": 1}}}</tool_call>', '}', ['a', '{"x": 1}']],
  ['an end tag alone', 'so </tool_call> it is', 'so </tool_call> it is'],
]

/** No call can be seen in these: all of it is text. */
const malformed: [what: string, text: string][] = [
  ['no JSON', 'I <tool_call>\ncall(time)\n</tool_call> it'],
  ['nothing in the tags', '<tool_call></tool_call>'],
  ['a start tag at the end', 'now <tool_call>\n'],
  ['no name', '<tool_call>\n{"arguments": {"x": 1}}\n</tool_call>'],
  ['an empty name', '<tool_call>\n{"name": "", "arguments": {"x": 1}}\n</tool_call>'],
  ['a name that is no text', '<tool_call>\n{"name": 7, "arguments": {"x": 1}}\n</tool_call>'],
  ['Python in place of JSON', "<tool_call>\n{'name': 'a', 'arguments': {}}\n</tool_call>"],
  ['Python in the arguments', '<tool_call>\n{"name": "a", "arguments": {\'x\': 1}}\n</tool_call>'],
  ['words for arguments', '<tool_call>\n{"name": "a", "arguments": none}\n</tool_call>'],
  ['a list of calls', '<tool_call>[{"name": "a", "arguments": {}}]</tool_call>'],
  ['no colon', '<tool_call>{"name" "a"}</tool_call>'],
  ['no comma', '<tool_call>{"name": "a" "arguments": {}}</tool_call>'],
  ['a value that is no JSON', '<tool_call>{"k": maybe, "name": "a", "arguments": {}}</tool_call>'],
  ['a line break in the name', '<tool_call>{"name": "a\n", "arguments": {}}</tool_call>'],
  ['a line break in a name without end', '<tool_call>{"name": "a\n'],
  ['a line break in arguments before the name', '<tool_call>{"arguments": {"t": "a\nb"}, "name": "a"}</tool_call>'],
  ['an end before the name', '<tool_call>\n{"na'],
  ['an end in the name', '<tool_call>\n{"name": "tim'],
  ['an end before the arguments', '<tool_call>\n{"name": "time", "argu'],
  ['an end tag before the arguments', '<tool_call>\n{"name": "time", </tool_call> bye'],
]

/** The arguments have begun: they stand as they were written, which no reader takes for JSON. */
const broken: typeof answers = [
  ['an end in the arguments', 'So: <tool_call>\n{"name": "put", "arguments": {"t": "abc', 'So: ', ['put', '{"t": "abc']],
  ['an end tag in the arguments', '<tool_call>{"name": "put", "arguments": {"t": [1,\n</tool_call> bye', ' bye', ['put', '{"t": [1,\n']],
  ['words in the arguments', '<tool_call>{"name": "put", "arguments": {"t": 1, so}}</tool_call>', '', ['put', '{"t": 1, so}']],
  ['a line break in a string', '<tool_call>{"name": "put", "arguments": {"t": "a\nb<c>"}}</tool_call>', '', ['put', '{"t": "a\nb<c>"}']],
  [
    'a string that never ends',
    '<tool_call>{"name": "put", "arguments": {"t": "a}}\n</tool_call>\n<tool_call>{"name": "b", "arguments": {}}</tool_call>',
    '',
    ['put', '{"t": "a}}\n'],
    ['b', '{}'],
  ],
]

describe('tool calls in Hermes tags', () => {
  for (const [what, text, content, ...calls] of [...answers, ...broken]) {
    it(`are told from text: ${what}`, () => {
      const expected = calls.map(([name, json], i) => ({ id: `call_${i}`, name, arguments: json }))
      expect(readAnswer(parser(), [text])).toEqual({ content, calls: expected, called: calls.length > 0 })
    })
  }

  for (const [what, text] of malformed) {
    it(`are text when they are none: ${what}`, () => {
      expect(readAnswer(parser(), [text])).toEqual({ content: text, calls: [], called: false })
    })
    // In quotes a tag is part of the text.
    if (/"\w+$/.test(text)) continue
    it(`are seen after something that is none: ${what}`, () => {
      const { content, calls } = readAnswer(parser(), [`${text}<tool_call>{"name": "b", "arguments": {}}</tool_call>`])
      expect(content).toBe(text)
      expect(calls).toEqual([{ id: 'call_0', name: 'b', arguments: '{}' }])
    })
  }

  it('are the same however the text is cut', () => {
    for (const [, text] of [...answers, ...broken, ...malformed]) {
      const whole = readAnswer(parser(), [text])
      for (const pieces of waysToCut(text)) expect({ pieces, ...readAnswer(parser(), pieces) }).toEqual({ pieces, ...whole })
    }
  })

  it('give their arguments out as they are written', () => {
    const read = parser()
    read.push('Yes. <tool_call>\n{"name": "put", "argu')
    expect(read.push('ments": {"t": "a')).toEqual([
      { tool_call: { index: 0, id: 'call_0', type: 'function', function: { name: 'put', arguments: '' } } },
      { tool_call: { index: 0, function: { arguments: '{"t": "a' } } },
    ])
    expect(read.push('bc')).toEqual([{ tool_call: { index: 0, function: { arguments: 'bc' } } }])
    expect(read.push('"}')).toEqual([{ tool_call: { index: 0, function: { arguments: '"}' } } }])
    expect(read.push('}\n</tool_call>')).toEqual([])
    expect(read.finish()).toEqual([])
  })

  it('are read in one go, however long what is held back', () => {
    const space = ' '.repeat(200_000)
    const answers = [
      `<tool_call>${space}{${space}"name": "a", "arguments": {${space}}}`,
      `<tool_call>{"name": "a", "arguments": ${'1'.repeat(200_000)}`,
    ]
    const [called, text] = answers.map((answer) => readAnswer(parser(), answer.split('')))
    expect(called?.calls[0]?.arguments).toBe(`{${space}}`)
    expect(text?.content).toBe(answers[1])
  })

  it('hold text back only while it could become a tag', () => {
    const read = parser()
    expect(read.push('a <tool')).toEqual([{ content: 'a ' }])
    expect(read.push('s> b <')).toEqual([{ content: '<tools> b ' }])
    expect(read.push('<')).toEqual([{ content: '<' }])
    expect(read.finish()).toEqual([{ content: '<' }])
  })

  it('are left out after the first when only one may be made', () => {
    const text = answers.find(([what]) => what === 'text around calls')?.[1] ?? ''
    for (const pieces of [[text], ...waysToCut(text)]) {
      const { content, calls } = readAnswer(parser(1), pieces)
      expect(content).toBe('Let me see.\n\nAnd\n\nbye')
      expect(calls).toEqual([{ id: 'call_0', name: 'a', arguments: '{"x": 1}' }])
    }
  })

  it('have ids of their own', () => {
    const text = '<tool_call>{"name": "a"}</tool_call>'.repeat(20)
    const ids = readAnswer(new HermesParser(), [text]).calls.map(({ id }) => id)
    expect(new Set(ids).size).toBe(20)
    expect(ids.every((id) => /^call_[A-Za-z0-9]{24}$/.test(id))).toBe(true)
  })
})
