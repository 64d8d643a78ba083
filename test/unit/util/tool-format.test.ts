import { describe, expect, it } from 'vitest'
import { toolFormatOf } from '../../../src/util/tool-format.ts'
import { hermesTemplate } from '../../support/tool-template.ts'

describe('how a chat template has tool calls written', () => {
  const cases: [what: string, template: string, format: ReturnType<typeof toolFormatOf>][] = [
    ['tags in a text', '{% if tools %}<tool_call>{% endif %}', 'hermes'],
    ['tags in a string', "{%- for tool in tools %}{{ '<tool_call>' ~ tool }}{% endfor %}", 'hermes'],
    ['our own fixture', hermesTemplate, 'hermes'],
    ['tools without tags', '{%- if tools is not none %}{{ tools | tojson }}{% endif %}', 'json'],
    ['tags in a comment only', '{# no <tool_call> here #}{% if tools %}{{ tools }}{% endif %}', 'json'],
    ['tools between quotes and braces', '{{ "}}" if tools else \'{%\' }}', 'json'],
    ['no tools', '{% for message in messages %}{{ message.content }}{% endfor %}', null],
    ['tags, but no tools', '{% for message in messages %}<tool_call>{{ message.content }}{% endfor %}', null],
    ['tools in the text', 'You have no tools.{{ messages[0].content }}', null],
    ['tools in a comment', '{# if tools #}{{ messages[0].content }}', null],
    ['tools in a string', '{{ \'tools\' }}{{ message["tools"] }}', null],
    ['tools of something else', '{{ message.tools }}{{ message . tools }}', null],
    ['longer words', '{{ builtin_tools }}{{ tools_in_user_message }}{{ toolset }}', null],
    ['raw text', '{% raw %}{{ tools }}{% endraw %}', null],
    ['after raw text', '{%- raw -%}{{ x }}{%- endraw -%}{{ tools }}', 'json'],
    ['an escaped quote', "{{ 'it\\'s tools' }}", null],
    ['a block without end', '{{ tools', 'json'],
    ['a comment without end', '{# {{ tools }}', null],
    ['nothing', '', null],
  ]
  for (const [what, template, format] of cases) {
    it(`is ${format} for ${what}`, () => {
      expect(toolFormatOf(template)).toBe(format)
    })
  }
})
