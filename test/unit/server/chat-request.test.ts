import { describe, expect, it } from 'vitest'
import type { EngineRequest, ModelInfo } from '../../../src/protocol/engine-api.ts'
import { FakeEngine } from './fake-engine.ts'
import { chat, routerOf, user } from './requests.ts'

/** What the engine is asked for, or the refusal. */
async function asked(fields: object, changes: Partial<ModelInfo> = {}): Promise<EngineRequest> {
  const engine = new FakeEngine(undefined, changes)
  const response = await routerOf(engine)(chat(fields))
  if (!engine.runs[0]) throw new Error(JSON.stringify(((await response.json()) as { error: unknown }).error))
  return engine.runs[0].request
}

const weather = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}
const schema = { type: 'object', properties: { a: { type: 'integer' } } }

describe('what the engine is asked for', () => {
  it('is a conversation', async () => {
    const { request_id: _, ...request } = await asked({})
    expect(request).toEqual({ input: { messages: [user('Hi')], chat: {} }, media: {}, sampling: {} })
  })

  const samplings: [fields: object, sampling: object][] = [
    [{ max_tokens: 7 }, { max_tokens: 7 }],
    [{ max_completion_tokens: 8 }, { max_tokens: 8 }],
    [{ max_tokens: 7, max_completion_tokens: 8 }, { max_tokens: 8 }],
    [
      { temperature: 0, top_p: 0.5, n: 1, seed: 3 },
      { temperature: 0, top_p: 0.5, n: 1, seed: 3 },
    ],
    [{ temperature: null, stop: null, logprobs: null, stream: null }, {}],
    [{ stop: 'a' }, { stop: 'a' }],
    [
      { stop: ['a', 'b'], stop_token_ids: [1, 2] },
      { stop: ['a', 'b'], stop_token_ids: [1, 2] },
    ],
    [
      { top_k: 5, min_p: 0.1, repetition_penalty: 1.2 },
      { top_k: 5, min_p: 0.1, repetition_penalty: 1.2 },
    ],
    [
      { presence_penalty: 1, frequency_penalty: -1 },
      { presence_penalty: 1, frequency_penalty: -1 },
    ],
    [{ logit_bias: { '5': -100, '7': 1.5 } }, { logit_bias: { '5': -100, '7': 1.5 } }],
    [
      { ignore_eos: true, min_tokens: 3 },
      { ignore_eos: true, min_tokens: 3 },
    ],
    [
      { skip_special_tokens: false, include_stop_str_in_output: true },
      { skip_special_tokens: false, include_stop_str_in_output: true },
    ],
    [{ logprobs: true }, { logprobs: 0 }],
    [{ logprobs: true, top_logprobs: 20 }, { logprobs: 20 }],
    [{ logprobs: false, top_logprobs: 0 }, {}],
    [{ prompt_logprobs: 2 }, { prompt_logprobs: 2 }],
    [{ user: 'ann', store: true, service_tier: 'auto', modalities: ['text'], brand_new_field: {}, bad_words: [] }, {}],
    [{ response_format: { type: 'text' } }, {}],
    [{ response_format: { type: 'json_object' } }, { structured_outputs: { json_object: true } }],
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'a', schema, strict: false } } },
      { structured_outputs: { json: schema } },
    ],
    [{ structured_outputs: { json: schema, regex: null } }, { structured_outputs: { json: schema } }],
    [
      { structured_outputs: { json: '{}', disable_any_whitespace: true } },
      { structured_outputs: { json: '{}', disable_any_whitespace: true } },
    ],
    [{ structured_outputs: { regex: 'a+', json_object: false } }, { structured_outputs: { regex: 'a+' } }],
    [{ structured_outputs: { choice: ['a', 'b'] } }, { structured_outputs: { choice: ['a', 'b'] } }],
    [{ structured_outputs: { json_object: true } }, { structured_outputs: { json_object: true } }],
    [{ guided_json: schema }, { structured_outputs: { json: schema } }],
    [{ guided_regex: 'a+' }, { structured_outputs: { regex: 'a+' } }],
    [{ guided_choice: ['a'] }, { structured_outputs: { choice: ['a'] } }],
  ]
  for (const [fields, sampling] of samplings)
    it(`with ${JSON.stringify(fields)} is ${JSON.stringify(sampling)}`, async () => {
      expect((await asked(fields)).sampling).toEqual(sampling)
    })

  it('has the options of the template', async () => {
    const chatOptions = {
      chat_template: '{{ messages }}',
      chat_template_kwargs: { a: 1 },
      add_generation_prompt: false,
      continue_final_message: true,
    }
    expect((await asked({ ...chatOptions })).input).toEqual({ messages: [user('Hi')], chat: chatOptions })
    const documents = [{ title: 'a', text: 'b' }]
    expect((await asked({ documents })).input).toEqual({ messages: [user('Hi')], chat: { chat_template_kwargs: { documents } } })
  })

  it('has what else is for the engine', async () => {
    const others = {
      mm_processor_kwargs: { max_pixels: 100 },
      media_io_kwargs: { video: { num_frames: 8 } },
      cache_salt: 's',
      priority: -1,
    }
    expect(await asked(others)).toMatchObject(others)
  })

  it('has the tools for the template, and their tags left in the text', async () => {
    const request = await asked({ tools: [weather] })
    expect(request.input).toEqual({ messages: [user('Hi')], chat: { tools: [weather] } })
    expect(request.sampling).toEqual({ skip_special_tokens: false })
  })

  it('is held to the tools by tool_choice', async () => {
    const named = await asked({ tools: [weather], tool_choice: { type: 'function', function: { name: 'weather' } } })
    expect(named.sampling.structured_outputs).toMatchObject({ json: { type: 'object', properties: { city: { type: 'string' } } } })
    expect((await asked({ tools: [weather], tool_choice: 'required' })).sampling.structured_outputs).toMatchObject({
      json: { type: 'array' },
    })
  })

  it("has tools by the request's own template where it has one", async () => {
    const template = '{% for tool in tools %}{{ tool }}{% endfor %}<tool_call>'
    expect((await asked({ tools: [weather], chat_template: template }, { tool_format: null })).input).toMatchObject({
      chat: { tools: [weather] },
    })
    await expect(asked({ tools: [weather], chat_template: '{{ messages }}' })).rejects.toThrow('takes no tools')
  })
})

describe('a chat request is refused', () => {
  const bad: [fields: object, param: string, words: RegExp][] = [
    [{ messages: undefined }, 'messages', /^messages is missing/],
    [{ messages: [] }, 'messages', /^messages must be a list of at least one message, got \[\]\.$/],
    [{ messages: 'Hi' }, 'messages', /must be a list of messages, got "Hi"/],
    [{ messages: ['Hi'] }, 'messages[0]', /must be an object with role and content, got "Hi"/],
    [{ model: 3 }, 'model', /must be a string, got 3/],
    [{ stream: 'yes' }, 'stream', /must be true or false, got "yes"/],
    [{ stream_options: { include_usage: true } }, 'stream_options', /only be given with stream: true/],
    [{ stream: true, stream_options: { include_usage: 1 } }, 'stream_options.include_usage', /must be true or false, got 1/],
    [{ stream: true, prompt_logprobs: 1 }, 'prompt_logprobs', /cannot be had in a stream/],
    [{ temperature: 'hot' }, 'temperature', /must be a number, got "hot"/],
    [{ top_k: 1.5 }, 'top_k', /must be a whole number, got 1.5/],
    [{ max_tokens: '5' }, 'max_tokens', /must be a whole number, got "5"/],
    [{ n: 0 }, 'n', /must be from 1 to 16, got 0/],
    [{ n: 17 }, 'n', /must be from 1 to 16, got 17/],
    [{ n: 1e9 }, 'n', /must be from 1 to 16/],
    [{ stop: 3 }, 'stop', /must be a string or a list of strings, got 3/],
    [{ stop_token_ids: [-1] }, 'stop_token_ids[0]', /must be a token id, 0 or more, got -1/],
    [{ logit_bias: { the: 1 } }, 'logit_bias', /must be keyed by token ids, got "the"/],
    [{ logit_bias: { '5': 'much' } }, 'logit_bias.5', /must be a number, got "much"/],
    [{ logit_bias: [1] }, 'logit_bias', /must be an object, got \[1\]/],
    [{ logprobs: 5 }, 'logprobs', /must be true or false, got 5/],
    [{ top_logprobs: 2 }, 'top_logprobs', /only be given with logprobs: true/],
    [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs', /must be from 0 to 20, got 21/],
    [{ prompt_logprobs: -1 }, 'prompt_logprobs', /must be from 0 to 20, got -1/],
    [{ ignore_eos: 'no' }, 'ignore_eos', /must be true or false/],
    [{ response_format: 'json' }, 'response_format', /must be an object such as/],
    [{ response_format: { type: 'xml' } }, 'response_format.type', /"json_schema", got "xml"/],
    [{ response_format: { type: 'json_schema' } }, 'response_format.json_schema', /is missing/],
    [{ response_format: { type: 'json_schema', json_schema: { name: 'a' } } }, 'response_format.json_schema.schema', /is missing/],
    [{ structured_outputs: {} }, 'structured_outputs', /must have exactly one of json, regex, choice, json_object, got \{\}/],
    [{ structured_outputs: { grammar: 'root ::= "a"' } }, 'structured_outputs', /exactly one of/],
    [{ structured_outputs: { regex: 'a', choice: ['a'] } }, 'structured_outputs', /exactly one of/],
    [{ structured_outputs: { choice: [] } }, 'structured_outputs.choice', /at least one string/],
    [{ guided_choice: ['a'], response_format: { type: 'json_object' } }, 'guided_choice', /given beside response_format/],
    [{ tools: [weather], tool_choice: 'required', response_format: { type: 'json_object' } }, 'response_format', /beside a tool_choice/],
    [{ tools: [weather], tool_choice: 'required', structured_outputs: { regex: 'a' } }, 'structured_outputs', /beside a tool_choice/],
    [{ tools: {} }, 'tools', /must be a list/],
    [{ tool_choice: 'required' }, 'tool_choice', /no tools/],
    [{ tools: [weather], tool_choice: 'sometimes' }, 'tool_choice', /allowed are/],
    [{ media_io_kwargs: { smell: {} } }, 'media_io_kwargs', /keyed by image, video or audio, got "smell"/],
    [{ mm_processor_kwargs: 3 }, 'mm_processor_kwargs', /must be an object, got 3/],
    [{ cache_salt: '' }, 'cache_salt', /must be a string that is not empty/],
    [{ priority: 'high' }, 'priority', /must be a number/],
    [{ chat_template_kwargs: [] }, 'chat_template_kwargs', /must be an object/],
    [{ add_special_tokens: true }, 'add_special_tokens', /leave it out/],
    [{ use_beam_search: true }, 'use_beam_search', /is not supported/],
    [{ bad_words: ['no'] }, 'bad_words', /is not supported/],
    [{ functions: [{}] }, 'functions', /is not supported/],
  ]
  for (const [fields, param, words] of bad)
    it(`for ${JSON.stringify(fields)}`, async () => {
      const engine = new FakeEngine()
      const response = await routerOf(engine)(chat(fields))
      const { error } = (await response.json()) as { error: { param: string; message: string; type: string; code: null } }
      expect([response.status, error.type, error.code, error.param]).toEqual([400, 'invalid_request_error', null, param])
      expect(error.message).toMatch(words)
      expect(engine.runs).toEqual([])
    })
})
