import { describe, expect, it } from 'vitest'
import { type ChatTemplateInput, renderChat } from '../../../src/text/chat-template.ts'
import { chooseChatTemplate } from '../../../src/text/chat-template-source.ts'
import { families, goldenTokenizer, readGolden } from '../../support/golden-files.ts'

interface Case {
  messages: object[]
  add_generation_prompt: boolean
  variables: Record<string, unknown>
  rendered: string
}

const hello: ChatTemplateInput = { messages: [{ role: 'user', content: 'Hello' }], add_generation_prompt: false }
const render = (template: string, input: Partial<ChatTemplateInput> = {}): string => renderChat(template, { ...hello, ...input })
const refused = (...parts: string[]) =>
  expect.objectContaining({ name: 'InvalidRequestError', message: expect.stringMatching(new RegExp(parts.join('[^]*'))) })

describe.each(families)('chat template of %s', (family) => {
  const tokenizer = goldenTokenizer(family)
  const template = chooseChatTemplate({ tokenizerConfig: readGolden(`${family}/checkpoint/tokenizer_config.json`) })
  const { cases } = readGolden<{ cases: Case[] }>(`${family}/chat_template_cases.json`)

  it('has golden cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(10)
  })

  it.each(cases)('renders $messages with $variables (generation prompt: $add_generation_prompt)', (golden) => {
    const { messages, add_generation_prompt, variables } = golden
    const chat_template_kwargs = { ...tokenizer.namedTokens, ...variables }
    expect(renderChat(template, { messages, add_generation_prompt, chat_template_kwargs })).toBe(golden.rendered)
  })
})

describe('variables of a template', () => {
  it.each<[string, string, Partial<ChatTemplateInput>, string]>([
    ['bos_token and eos_token', '{{ bos_token }}|{{ eos_token }}', { bos_token: '<s>', eos_token: '</s>' }, '<s>|</s>'],
    ['tokens that the model does not have', '{{ bos_token }}|{{ eos_token is defined }}', {}, '|false'],
    ['tools, none', '{{ tools is none }}', {}, 'true'],
    ['tools', '{{ tools | tojson }}', { tools: [{ name: 'f' }] }, '[{"name": "f"}]'],
    ['kwargs', '{{ a }}{{ b.c }}', { chat_template_kwargs: { a: 1, b: { c: 'x' } } }, '1x'],
    ['kwargs do not replace messages', '{{ messages[0].content }}', { chat_template_kwargs: { messages: [] } }, 'Hello'],
    ['kwargs may hide a global', '{{ range }}', { chat_template_kwargs: { range: 'mine' } }, 'mine'],
    [
      'both spellings of constants',
      '{{ [true, True, false, False] }}{{ none is none and None is none }}',
      {},
      '[true, true, false, false]true',
    ],
    ['range', '{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{{ range(3) }}{{ range(2, 1) }}', {}, '531[0, 1, 2][]'],
    ['a clock that stands still', '{{ strftime_now("%d %b %Y") }}', {}, '26 Jul 2024'],
    ['a clock that is set', '{{ strftime_now("%Y-%m-%d") }}', { now: new Date(Date.UTC(2030, 11, 31, 23, 59)) }, '2030-12-31'],
    [
      'loops with break and continue',
      '{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}',
      {},
      '02',
    ],
    ['blocks are trimmed as in transformers', '{% if true %}\n  {% if true %}\nx\n  {% endif %}\n{% endif %}\ny', {}, 'x\ny'],
    ['macros', '{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m("a") }}{{ m("b") }}', {}, '<a><b>'],
  ])('%s', (_name, template, input, text) => {
    expect(render(template, input)).toBe(text)
  })
})

describe('continue_final_message', () => {
  const turns = '{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</{{ m.role }}>{% endfor %}'
  const exact = '{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}'
  const parts = '{% for m in messages %}{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endfor %}'
  const chat = (content: unknown) => [
    { role: 'user', content: 'A b' },
    { role: 'assistant', content },
  ]

  it.each<[string, string, unknown, string]>([
    ['leaves the last turn open', turns, 'A b', '<user>A b</user><assistant>A b'],
    ['keeps spaces where the template keeps them', exact, 'A b  ', '<user>A b</><assistant>A b  '],
    ['loses spaces where the template trims them', turns, 'A b  ', '<user>A b</user><assistant>A b'],
    ['opens an empty turn', exact, '', '<user>A b</><assistant>'],
  ])('%s', (_name, template, content, text) => {
    expect(render(template, { messages: chat(content), continue_final_message: true })).toBe(text)
  })

  it('continues the last text part', () => {
    const messages = [{ role: 'assistant', content: [{ text: 'a' }, { text: 'b' }, { type: 'image' }] }]
    expect(render(parts, { messages, continue_final_message: true })).toBe('[a][b')
    expect(messages[0]?.content[1]).toEqual({ text: 'b' })
  })

  it.each<[string, string, Partial<ChatTemplateInput>, string]>([
    ['with a generation prompt', exact, { messages: chat('x'), add_generation_prompt: true }, 'only one'],
    ['without a message', exact, { messages: [] }, 'no text to continue'],
    ['with a message without text', exact, { messages: chat([{ type: 'image' }]) }, 'no text to continue'],
    ['with a template that drops the message', 'x', { messages: chat('x') }, 'does not write the last message'],
  ])('is refused %s', (_name, template, input, reason) => {
    expect(() => render(template, { ...input, continue_final_message: true })).toThrow(refused(reason))
  })
})

describe('a template that fails', () => {
  it.each([
    ['by raising', "{{ raise_exception('roles must alternate') }}", 'roles must alternate'],
    ['by raising nothing', '{{ raise_exception() }}', 'no reason given'],
    ['by its syntax', '{% if %}', 'cannot be rendered'],
    ['by an unclosed block', '{% for m in messages %}', 'cannot be rendered'],
    ['by including a file', "{% include 'x' %}", 'cannot be rendered'],
    ['by an unknown filter', '{{ messages | shuffle }}', 'shuffle'],
    ['by adding what is not defined', "{{ nothing + 'x' }}", 'undefined'],
    ['by break outside of a loop', '{% break %}', 'outside of a loop'],
    ['by a range of something else', "{{ range('x') }}", 'whole numbers'],
    ['by a range with step 0', '{{ range(1, 2, 0) }}', 'whole numbers'],
  ])('%s is refused with its message', (_name, template, reason) => {
    expect(() => render(template)).toThrow(refused(reason))
  })

  it('leaves the next rendering alone', () => {
    expect(() => render('{% for i in range(10000) %}{% for j in range(10000) %}{{ j }}{% endfor %}{% endfor %}')).toThrow(refused('steps'))
    expect(render('{{ messages[0].content }}')).toBe('Hello')
  })
})

describe('a template without end or measure', () => {
  const doubled = (times: number, body: string) => `{% set ns = namespace(x='a') %}{% for i in range(${times}) %}${body}{% endfor %}`
  it.each([
    ['a long range', '{% for i in range(1000000000) %}{% endfor %}', 'range'],
    ['nested loops', '{% for i in range(9999) %}{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}', 'steps'],
    ['nested loops without a body', '{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}', 'steps'],
    ['nested loops with a filter', '{% for i in range(9999) %}{% for j in range(9999) if false %}{% endfor %}{% endfor %}', 'steps'],
    ['a macro that calls itself', '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}', 'nests too deeply'],
    [
      'a macro that calls itself twice',
      '{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}',
      'steps',
    ],
    ['a text that doubles', doubled(64, '{% set ns.x = ns.x + ns.x %}'), 'characters'],
    ['a text that doubles by ~', doubled(64, '{% set ns.x = ns.x ~ ns.x %}'), 'characters'],
    ['a text that doubles by join', doubled(64, '{% set ns.x = [ns.x, ns.x] | join %}'), 'characters'],
    ['a text that grows by replace', doubled(64, "{% set ns.x = ns.x | replace('a', 'aaaaaaaa') %}"), 'characters'],
    ['a text indented far', "{{ 'a\nb' | indent(5000000) }}", 'characters'],
    [
      'output beyond the limit',
      "{% set big = 'x' | indent(4) ~ messages[0].long %}{% for i in range(99) %}{{ big }}{% endfor %}",
      'characters|steps',
    ],
    ['a list that doubles', doubled(64, '{% set ns.x = [ns.x, ns.x] %}') + '{{ ns.x }}', 'steps'],
    ['a list that doubles, as JSON', doubled(64, '{% set ns.x = [ns.x, ns.x] %}') + '{{ ns.x | tojson }}', 'steps'],
    ['a list that doubles, as text', doubled(64, '{% set ns.x = [ns.x, ns.x] %}') + "{{ ns.x ~ '' }}", 'steps'],
    ['a list that doubles, compared', doubled(64, '{% set ns.x = [ns.x, ns.x] %}') + "{{ ns.x == 'a' }}", 'steps'],
    ['an object that doubles', doubled(64, "{% set ns.x = {'a': ns.x, 'b': ns.x} %}") + '{{ ns.x | string }}', 'steps'],
    [
      'a list that doubles by +',
      '{% set ns = namespace(x=[1]) %}{% for i in range(64) %}{% set ns.x = ns.x + ns.x %}{% endfor %}',
      'steps',
    ],
    ['sorting again and again', '{% for i in range(9999) %}{% set x = range(9999) | sort %}{% endfor %}', 'steps'],
    ['work on a large text', '{% for i in range(9999) %}{% set x = messages[0].long | upper %}{% endfor %}', 'steps'],
    ['a namespace within itself', '{% set ns = namespace() %}{% set ns.a = ns %}{% set ns.b = ns %}{{ ns }}', 'steps|nests'],
    ['parentheses without end', `{{ ${'('.repeat(200_000)}1${')'.repeat(200_000)} }}`, 'nests too deeply'],
    ['a long template', 'x'.repeat(1_000_001), '1000001 characters'],
  ])('is ended: %s', (_name, template, reason) => {
    const messages = [{ role: 'user', content: 'Hello', long: 'y'.repeat(1_000_000) }]
    expect(() => render(template, { messages })).toThrow(refused(`chat template`, `(${reason})`))
  })

  it('is not taken for a long conversation', () => {
    const template = chooseChatTemplate({ tokenizerConfig: readGolden('qwen2_vl/checkpoint/tokenizer_config.json') })
    const messages = Array.from({ length: 1000 }, (_, i) => ({
      role: i % 2 ? 'assistant' : 'user',
      content: [{ type: 'image' }, { type: 'text', text: `turn ${i}` }],
    }))
    const text = render(template, { messages })
    expect(text.match(/<\|image_pad\|>/g)).toHaveLength(1000)
  })

  it('is not taken for a long document', () => {
    const template = chooseChatTemplate({ tokenizerConfig: readGolden('ultravox/checkpoint/tokenizer_config.json') })
    const content = 'x'.repeat(3_000_000)
    expect(render(template, { messages: [{ role: 'user', content }] })).toContain(content)
  })
})
