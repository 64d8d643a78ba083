import { describe, expect, it } from 'vitest'
import { resolveSampling, type SamplingContext } from '../../../src/engine/sampling.ts'
import type { SamplingParams } from '../../../src/protocol/sampling.ts'

const context: SamplingContext = {
  vocabulary: 100,
  endTokens: [98, 99],
  generationConfig: undefined,
  defaultMaxTokens: undefined,
  defaultSeed: 7n,
}

const resolve = (params: unknown, change: Partial<SamplingContext> = {}) =>
  resolveSampling(params as SamplingParams, { ...context, ...change })

describe('resolveSampling', () => {
  it('fills in vLLM’s defaults', () => {
    expect(resolve({})).toEqual({
      n: 1,
      temperature: 1,
      topP: 1,
      topK: 0,
      minP: 0,
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      seed: 7n,
      stop: [],
      stopIds: new Set([98, 99]),
      endIds: new Set([98, 99]),
      minTokens: 0,
      maxTokens: undefined,
      logprobs: undefined,
      promptLogprobs: undefined,
      logitBias: [],
      skipSpecialTokens: true,
      includeStopString: false,
      grammar: undefined,
    })
  })

  it('takes what a request leaves out from generation_config.json', () => {
    const generationConfig = { temperature: 0.5, top_p: 0.8, top_k: 20, repetition_penalty: 1.1, min_p: 0.05 }
    expect(resolve({ top_k: 3 }, { generationConfig })).toMatchObject({
      temperature: 0.5,
      topP: 0.8,
      topK: 3,
      repetitionPenalty: 1.1,
      minP: 0.05,
    })
    expect(resolve({}, { generationConfig: { temperature: -3, top_p: 'high' } })).toMatchObject({ temperature: 1, topP: 1 })
  })

  it('makes a temperature of 0 greedy, and keeps others from being too small', () => {
    expect(resolve({ temperature: 0, top_p: 0.5, top_k: 4, min_p: 0.1 })).toMatchObject({ temperature: 0, topP: 1, topK: 0, minP: 0 })
    expect(resolve({ temperature: 0.0001 }).temperature).toBe(0.01)
  })

  it('reads both spellings of all tokens', () => {
    expect([resolve({ top_k: -1 }).topK, resolve({ top_k: 0 }).topK]).toEqual([0, 0])
  })

  it('takes seeds of any sign, and -1 as none', () => {
    expect([resolve({ seed: 5 }).seed, resolve({ seed: -2 }).seed, resolve({ seed: -1 }).seed]).toEqual([5n, 2n ** 64n - 2n, 7n])
  })

  it('goes on after end tokens only when asked, and keeps other stop ids', () => {
    expect([...resolve({ ignore_eos: true, stop_token_ids: [4] }).stopIds]).toEqual([4])
    expect(resolve({ stop_token_ids: [4] }).stopIds).toEqual(new Set([4, 98, 99]))
  })

  it('accepts one stop string or several', () => {
    expect([resolve({ stop: 'a' }).stop, resolve({ stop: ['a', 'b'] }).stop]).toEqual([['a'], ['a', 'b']])
  })

  it('cuts logit_bias to ±100', () => {
    expect(resolve({ logit_bias: { 3: 250, 4: -1.5 } }).logitBias).toEqual([
      [3, 100],
      [4, -1.5],
    ])
  })

  const SCHEMA = { type: 'object', properties: { a: { type: 'integer' } } }
  const grammars: [given: object | null, spec: object | undefined][] = [
    [null, undefined],
    [{ json: SCHEMA }, { kind: 'json', schema: SCHEMA, whitespace: 'some' }],
    [
      { json: JSON.stringify(SCHEMA), disable_any_whitespace: true },
      { kind: 'json', schema: SCHEMA, whitespace: 'none' },
    ],
    [{ json: 'true' }, { kind: 'json', schema: true, whitespace: 'some' }],
    [{ json: false }, { kind: 'json', schema: false, whitespace: 'some' }],
    [
      { json_object: true, json: null },
      { kind: 'json_object', whitespace: 'some' },
    ],
    [
      { regex: '[ab]+', json_object: false, disable_any_whitespace: false },
      { kind: 'regex', pattern: '[ab]+' },
    ],
    [{ choice: ['yes', 'no'] }, { kind: 'choice', texts: ['yes', 'no'] }],
  ]
  for (const [given, spec] of grammars) {
    it(`reads structured_outputs ${JSON.stringify(given)}`, () => {
      expect(resolve({ structured_outputs: given }).grammar).toEqual(spec)
    })
  }

  const refused: [params: object, message: RegExp][] = [
    [{ n: 0 }, /^n must be an integer from 1 to 16, got 0\.$/],
    [{ n: 17, temperature: 1 }, /^n must be .* got 17\.$/],
    [{ n: 2, temperature: 0 }, /^n must be 1 when using greedy sampling .* got 2\.$/],
    [{ temperature: -0.1 }, /^temperature must be non-negative, got -0\.1\.$/],
    [{ temperature: '1' }, /^temperature must be .* got "1"\.$/],
    [{ temperature: Number.NaN }, /^temperature must be .* got NaN\.$/],
    [{ top_p: 0 }, /^top_p must be in \(0, 1\], got 0\.$/],
    [{ top_p: 1.01 }, /^top_p must be in \(0, 1\], got 1\.01\.$/],
    [{ top_k: -2 }, /^top_k must be 0 or -1 \(disable\), or an integer of at least 1, got -2\.$/],
    [{ top_k: 1.5 }, /^top_k must be .* got 1\.5\.$/],
    [{ min_p: 1.1 }, /^min_p must be in \[0, 1\], got 1\.1\.$/],
    [{ max_tokens: 0 }, /^max_tokens must be an integer of at least 1, got 0\.$/],
    [{ min_tokens: -1 }, /^min_tokens must be .* got -1\.$/],
    [{ min_tokens: 5, max_tokens: 4 }, /^min_tokens must be less than or equal to max_tokens=4, got 5\.$/],
    [{ logprobs: 21 }, /^logprobs must be an integer from 0 to 20, got 21\.$/],
    [{ prompt_logprobs: -1 }, /^prompt_logprobs must be an integer from 0 to 20, got -1\.$/],
    [{ presence_penalty: 2.5 }, /^presence_penalty must be in \[-2, 2\], got 2\.5\.$/],
    [{ frequency_penalty: -2.5 }, /^frequency_penalty must be in \[-2, 2\], got -2\.5\.$/],
    [{ repetition_penalty: 0 }, /^repetition_penalty must be greater than zero, got 0\.$/],
    [{ stop: '' }, /^stop cannot contain an empty string\.$/],
    [{ stop: [1] }, /^stop must be a string or a list of strings, got \[1\]\.$/],
    [{ stop_token_ids: [100] }, /^stop_token_ids must be a list of token ids from 0 to 99, got 100\.$/],
    [{ logit_bias: { 100: 1 } }, /^logit_bias must be keyed by token ids from 0 to 99, got "100"\.$/],
    [{ logit_bias: { 1: 'much' } }, /^logit_bias\[1\] must be a number from -100 to 100, got "much"\.$/],
    [{ seed: 1.5 }, /^seed must be an integer, got 1\.5\.$/],
    [{ structured_outputs: 'json' }, /^structured_outputs must be an object with one of json, regex, choice, json_object, got "json"\.$/],
    [{ structured_outputs: [] }, /^structured_outputs must be an object .* got \[\]\.$/],
    [{ structured_outputs: {} }, /^structured_outputs must have exactly one of json, regex, choice, json_object, got none\.$/],
    [{ structured_outputs: { json_object: false } }, /^structured_outputs must have exactly one of .* got none\.$/],
    [{ structured_outputs: { regex: 'a', choice: ['b'] } }, /^structured_outputs must have exactly one of .* got regex and choice\.$/],
    [{ structured_outputs: { grammar: 'root ::= "a"' } }, /^structured_outputs may have json, regex, choice, .* got "grammar"\.$/],
    [{ structured_outputs: { json_object: 1 } }, /^structured_outputs\.json_object must be true or false, got 1\.$/],
    [
      { structured_outputs: { regex: 'a', disable_any_whitespace: 'no' } },
      /^structured_outputs\.disable_any_whitespace must be true or false/,
    ],
    [{ structured_outputs: { json: '{"type":' } }, /^structured_outputs\.json is a text that is no JSON \(.*\): "{\\"type\\":"$/],
    [{ structured_outputs: { json: '[1]' } }, /^structured_outputs\.json must be a JSON Schema: .* got "\[1\]"\.$/],
    [{ structured_outputs: { json: 5 } }, /^structured_outputs\.json must be a JSON Schema: .* got 5\.$/],
    [{ structured_outputs: { regex: '' } }, /^structured_outputs\.regex must be a regular expression .* got ""\.$/],
    [{ structured_outputs: { choice: [] } }, /^structured_outputs\.choice must be a list of at least one string, got \[\]\.$/],
    [{ structured_outputs: { choice: ['a', 5] } }, /^structured_outputs\.choice must be a list of at least one string, got \["a",5\]\.$/],
    [{ ignore_eos: 'yes' }, /^ignore_eos must be true or false, got "yes"\.$/],
  ]
  for (const [params, message] of refused) {
    it(`refuses ${JSON.stringify(params)}`, () => {
      let caught: unknown
      try {
        resolve(params)
      } catch (error) {
        caught = error
      }
      expect((caught as Error).name).toBe('InvalidRequestError')
      expect((caught as Error).message).toMatch(message)
    })
  }
})
