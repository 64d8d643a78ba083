import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { planTools, type ToolRequest } from '../../../../src/server/tools/plan-tools.ts'
import { hermesTemplate } from '../../../support/tool-template.ts'
import { countingIds, readAnswer } from './joined-answer.ts'

const time = {
  type: 'function',
  function: {
    name: 'get_time',
    description: 'The time somewhere.',
    parameters: { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] },
  },
}
const stop = { type: 'function', function: { name: 'stop-it', description: null, parameters: null, strict: true } }
const named = (name: unknown) => ({ type: 'function', function: { name } })
const plan = (request: Partial<ToolRequest>) => planTools({ format: 'hermes', ...request })

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

/** The schema that a plan holds the answer to, as a function. */
function accepts(request: Partial<ToolRequest>): (answer: unknown) => boolean {
  const schema = plan(request).structured?.json
  if (typeof schema !== 'object') throw new Error('no schema')
  const validate = new Ajv2020({ strict: false }).compile(schema)
  return (answer) => validate(answer) === true
}

describe('tools of a request', () => {
  const withFunction = (fields: object) => ({ tools: [{ type: 'function', function: { name: 'f', ...fields } }] })
  const refused: [what: string, request: Partial<ToolRequest>, param: string][] = [
    ['tools that are no list', { tools: {} }, 'tools'],
    ['a tool that is no object', { tools: [time, 'x'] }, 'tools[1]'],
    ['a tool of another type', { tools: [{ type: 'custom', custom: { name: 'x' } }] }, 'tools[0].type'],
    ['a tool without type', { tools: [{ function: { name: 'x' } }] }, 'tools[0].type'],
    ['a tool without function', { tools: [{ type: 'function' }] }, 'tools[0].function'],
    ['no name', { tools: [named(undefined)] }, 'tools[0].function.name'],
    ['an empty name', { tools: [named('')] }, 'tools[0].function.name'],
    ['a name with a space', { tools: [named('a b')] }, 'tools[0].function.name'],
    ['a name with a line break', { tools: [named('a\n')] }, 'tools[0].function.name'],
    ['a name with a dot', { tools: [named('a.b')] }, 'tools[0].function.name'],
    ['a name of 65 letters', { tools: [named('a'.repeat(65))] }, 'tools[0].function.name'],
    ['a name twice', { tools: [time, stop, time] }, 'tools[2].function.name'],
    ['a description that is no text', withFunction({ description: 1 }), 'tools[0].function.description'],
    ['parameters that are no object', withFunction({ parameters: [] }), 'tools[0].function.parameters'],
    ['parameters of another type', withFunction({ parameters: { type: 'array' } }), 'tools[0].function.parameters.type'],
    ['an unknown choice', { tools: [time], tool_choice: 'any' }, 'tool_choice'],
    ['a choice of another type', { tools: [time], tool_choice: { type: 'allowed_tools' } }, 'tool_choice'],
    ['a choice that is a number', { tools: [time], tool_choice: 1 }, 'tool_choice'],
    ['a choice without name', { tools: [time], tool_choice: { type: 'function' } }, 'tool_choice'],
    ['an unknown tool', { tools: [time], tool_choice: named('get') }, 'tool_choice.function.name'],
    ['a tool where there are none', { tool_choice: named('get_time') }, 'tool_choice.function.name'],
    ['required without tools', { tool_choice: 'required', tools: [] }, 'tool_choice'],
    ['parallel_tool_calls that is no boolean', { tools: [time], parallel_tool_calls: 1 }, 'parallel_tool_calls'],
    ['a model without tools', { tools: [time], format: null }, 'tools'],
    ['a chat_template without tools', { tools: [time], chat_template: '{{ messages }}' }, 'tools'],
    ['a model without tools that must call', { tools: [time], tool_choice: 'required', format: null }, 'tools'],
  ]
  for (const [what, request, param] of refused) {
    it(`are refused for ${what}`, () => {
      const error = thrown(() => plan(request))
      expect(error).toMatchObject({ name: 'InvalidRequestError', param })
      expect((error as Error).message.startsWith(`${param} `)).toBe(true)
    })
  }

  it('say what to do about a model without tools', () => {
    expect((thrown(() => plan({ tools: [time], format: null })) as Error).message).toMatch(/takes no tools.*pass a chat_template/)
  })

  it('may have any name that OpenAI allows', () => {
    const tools = [named('a'), named('-_-'), named('A'.repeat(64)), named('9')]
    expect(plan({ tools }).templateTools).toEqual(tools)
  })

  it('go to the template as they were given', () => {
    for (const tool_choice of [undefined, null, 'auto', 'none', 'required', named('get_time')]) {
      expect(plan({ tools: [time, stop], tool_choice }).templateTools).toEqual([time, stop])
    }
    expect(plan({}).templateTools).toBeUndefined()
    expect(plan({ tools: [] }).templateTools).toBeUndefined()
    expect(plan({ tools: [time], tool_choice: 'none', format: null }).templateTools).toBeUndefined()
  })
})

describe('the answer', () => {
  const call = '<tool_call>{"name": "get_time", "arguments": {"zone": "UTC"}}</tool_call>'
  const bare = '{"name": "get_time", "parameters": {"zone": "UTC"}}'
  const made = { content: '', calls: [{ id: 'call_0', name: 'get_time', arguments: '{"zone": "UTC"}' }], called: true }
  const text = (content: string) => ({ content, calls: [], called: false })
  const cases: [what: string, request: Partial<ToolRequest>, answer: string, expected: unknown][] = [
    ['hermes calls by default', { tools: [time] }, call, made],
    ['hermes calls for auto', { tools: [time], tool_choice: 'auto' }, call, made],
    ['JSON calls in that format', { tools: [time], format: 'json' }, bare, made],
    ['no JSON calls in tags', { tools: [time] }, bare, text(bare)],
    ['the calls of a chat_template', { tools: [time], format: null, chat_template: hermesTemplate }, call, made],
    ["the calls of the model's template by its name", { tools: [time], format: 'json', chat_template: 'tool_use' }, bare, made],
    ['no calls of other tools in JSON', { tools: [stop], format: 'json' }, bare, text(bare)],
    ['nothing for none', { tools: [time], tool_choice: 'none' }, call, text(call)],
    ['nothing without tools', {}, call, text(call)],
    ['nothing without tools and a format', { format: null, tool_choice: 'auto' }, call, text(call)],
    ['a list for required', { tools: [time], tool_choice: 'required' }, `[${bare}]`, made],
    ['the arguments alone for a name', { tools: [time], tool_choice: named('get_time') }, '{"zone": "UTC"}', { ...made, called: false }],
    ['cut off arguments for a name', { tools: [time], tool_choice: named('get_time') }, '', text('')],
    ['the first call only, if told so', { tools: [time], parallel_tool_calls: false }, call + call, made],
  ]
  for (const [what, request, answer, expected] of cases) {
    it(`is read for ${what}`, () => {
      for (const pieces of [[answer], answer.split('')]) expect(readAnswer(plan(request).parser(countingIds()), pieces)).toEqual(expected)
    })
  }

  it('is free unless calls are enforced', () => {
    for (const tool_choice of [undefined, 'auto', 'none']) expect(plan({ tools: [time], tool_choice }).structured).toBeUndefined()
  })

  it('keeps special tokens where calls can stand between them', () => {
    expect(plan({ tools: [time] }).keepsSpecialTokens).toBe(true)
    expect(plan({}).keepsSpecialTokens).toBe(false)
    expect(plan({ tools: [time], tool_choice: 'none' }).keepsSpecialTokens).toBe(false)
    expect(plan({ tools: [time], tool_choice: 'required' }).keepsSpecialTokens).toBe(false)
  })

  it("of a named tool is that tool's arguments", () => {
    const takes = accepts({ tools: [time, stop], tool_choice: named('get_time') })
    expect(takes({ zone: 'UTC' })).toBe(true)
    expect(takes({ zone: 1 })).toBe(false)
    expect(takes({})).toBe(false)
    expect(takes([])).toBe(false)
  })

  it('of a named tool without parameters is {}', () => {
    for (const parameters of [null, undefined, {}]) {
      const takes = accepts({ tools: [{ type: 'function', function: { name: 'f', parameters } }], tool_choice: named('f') })
      expect(takes({})).toBe(true)
      expect(takes({ a: 1 })).toBe(false)
      expect(takes('')).toBe(false)
    }
  })

  it('is an object also where the parameters do not say so', () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: { properties: { a: { type: 'string' } } } } }]
    const takes = accepts({ tools, tool_choice: named('f') })
    expect(takes({ a: 'x' })).toBe(true)
    expect(takes(7)).toBe(false)
  })

  it('is a list of calls when they are required', () => {
    const takes = accepts({ tools: [time, stop], tool_choice: 'required' })
    const one = { name: 'get_time', parameters: { zone: 'UTC' } }
    const two = { name: 'stop-it', parameters: {} }
    expect(takes([one])).toBe(true)
    expect(takes([one, two, one])).toBe(true)
    for (const answer of [[], one, [{ name: 'stop-it', parameters: one.parameters }], [{ name: 'get_time' }], [{ ...one, x: 1 }], [7]]) {
      expect(takes(answer)).toBe(false)
    }
    const takesOne = accepts({ tools: [time, stop], tool_choice: 'required', parallel_tool_calls: false })
    expect(takesOne([two])).toBe(true)
    expect(takesOne([one, two])).toBe(false)
  })

  it('leaves references alone in a schema with an $id', () => {
    const parameters = {
      $id: 'https://example.org/tool.json',
      type: 'object',
      properties: { root: { $ref: '#/$defs/node' }, $id: { $ref: '#/properties/root' } },
      required: ['root'],
      $defs: { node: { type: 'integer' } },
    }
    const takes = accepts({ tools: [time, { type: 'function', function: { name: 'a', parameters } }], tool_choice: 'required' })
    expect(takes([{ name: 'a', parameters: { root: 1, $id: 2 } }])).toBe(true)
    expect(takes([{ name: 'a', parameters: { root: 'x' } }])).toBe(false)
    expect(takes([{ name: 'a', parameters: { root: 1, $id: 'x' } }])).toBe(false)
  })

  it("keeps each tool's references its own", () => {
    const tree = (leaf: string) => ({
      type: 'object',
      properties: {
        root: { $ref: '#/$defs/node' },
        again: { $ref: '#' },
        $ref: { type: 'string' },
        data: { const: { $ref: '#/$defs/node' } },
        enum: { $ref: '#/$defs/node/properties/leaf' },
      },
      $defs: { node: { type: 'object', properties: { leaf: { type: leaf }, next: { $ref: '#/$defs/node' } }, required: ['leaf'] } },
    })
    const tool = (name: string, leaf: string) => ({ type: 'function', function: { name, parameters: tree(leaf) } })
    const takes = accepts({ tools: [tool('a', 'string'), tool('b', 'number')], tool_choice: 'required' })
    const call = (name: string, leaf: unknown) => [
      {
        name,
        parameters: { root: { leaf, next: { leaf } }, again: { root: { leaf } }, $ref: 'x', data: { $ref: '#/$defs/node' }, enum: leaf },
      },
    ]
    expect(takes(call('a', 'x'))).toBe(true)
    expect(takes(call('b', 1))).toBe(true)
    expect(takes(call('a', 1))).toBe(false)
    expect(takes(call('b', 'x'))).toBe(false)
  })
})
