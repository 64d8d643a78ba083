import { describe, expect, it } from 'vitest'
import { type ChatTemplateSources, chooseChatTemplate } from '../../../src/text/chat-template-source.ts'
import { families, readGolden } from '../../support/golden-files.ts'

const list = [
  { name: 'default', template: 'D' },
  { name: 'tool_use', template: 'T' },
]

describe('the chat template', () => {
  it.each<[string, ChatTemplateSources, boolean, string]>([
    ['of tokenizer_config.json', { tokenizerConfig: { chat_template: 'config' } }, false, 'config'],
    [
      'of chat_template.json before it',
      { chatTemplateJson: { chat_template: 'json' }, tokenizerConfig: { chat_template: 'c' } },
      false,
      'json',
    ],
    ['of chat_template.jinja before that', { chatTemplateJinja: 'jinja', chatTemplateJson: { chat_template: 'json' } }, false, 'jinja'],
    ['of the caller before all', { chatTemplate: 'own', chatTemplateJinja: 'jinja' }, false, 'own'],
    ['of the caller, by name', { chatTemplate: 'tool_use', tokenizerConfig: { chat_template: list } }, false, 'T'],
    ['of the caller, empty', { chatTemplate: '', chatTemplateJinja: 'jinja' }, false, ''],
    ['called default in a list', { tokenizerConfig: { chat_template: list } }, false, 'D'],
    ['called tool_use in a list, with tools', { tokenizerConfig: { chat_template: list } }, true, 'T'],
    ['called default, with tools but no tool_use', { tokenizerConfig: { chat_template: { default: 'D', rag: 'R' } } }, true, 'D'],
    ['after a file without one', { chatTemplateJson: {}, tokenizerConfig: { chat_template: 'config' } }, false, 'config'],
  ])('is the one %s', (_name, sources, withTools, template) => {
    expect(chooseChatTemplate(sources, withTools)).toBe(template)
  })

  it.each<[string, ChatTemplateSources, string]>([
    ['no files', {}, 'Pass chat_template'],
    ['files without a template', { chatTemplateJson: null, tokenizerConfig: { chat_template: null } }, 'Pass chat_template'],
    ['names but no default', { tokenizerConfig: { chat_template: [{ name: 'rag', template: 'R' }] } }, '"rag"'],
    ['a damaged list', { tokenizerConfig: { chat_template: [1, { name: 'default' }] } }, 'Pass chat_template'],
  ])('is missing, with advice: %s', (_name, sources, advice) => {
    expect(() => chooseChatTemplate(sources)).toThrow(
      expect.objectContaining({ name: 'InvalidRequestError', message: expect.stringContaining(advice) }),
    )
  })

  it.each(families)('is found for %s', (family) => {
    const tokenizerConfig = readGolden<{ chat_template: string }>(`${family}/checkpoint/tokenizer_config.json`)
    expect(chooseChatTemplate({ tokenizerConfig })).toBe(tokenizerConfig.chat_template)
  })
})
