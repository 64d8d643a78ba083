import { describe, expect, it } from 'vitest'
import { logprobsAt, SequenceOutput } from '../../../src/engine/output-processor.ts'
import type { SamplingParams } from '../../../src/protocol/sampling.ts'
import { fakeGrammar } from './fake-grammar.ts'
import { fakeTokenizer, idsOf } from './fake-tokenizer.ts'
import { END_TOKEN, makeSequence, sampling } from './make-sequence.ts'

/** Feeds ids until the output ends; gives the deltas joined. */
function run(ids: readonly number[], params: SamplingParams = {}, maxTokens = 100) {
  const sequence = makeSequence([1, 2], { sampling: sampling(params), maxTokens })
  const output = new SequenceOutput(sequence, fakeTokenizer)
  const deltas = []
  for (const id of ids) {
    output.accept({ id, scores: undefined })
    deltas.push(output.takeDelta())
    if (output.finishReason !== null) break
  }
  const text = deltas.map((delta) => delta?.text ?? '').join('')
  const last = deltas.at(-1)
  return {
    text,
    tokens: deltas.flatMap((delta) => delta?.token_ids ?? []),
    reason: last?.finish_reason,
    stop: last?.stop_reason,
    deltas,
    output,
  }
}

describe('SequenceOutput', () => {
  it('gives text and ids as they come', () => {
    const { deltas } = run(idsOf('Hi!'))
    expect(deltas.map((delta) => [delta?.text, delta?.token_ids, delta?.finish_reason])).toEqual([
      ['H', idsOf('H'), null],
      ['i', idsOf('i'), null],
      ['!', idsOf('!'), null],
    ])
  })

  it('holds half a character back', () => {
    const { deltas } = run([...idsOf('caf'), 96, 97])
    expect(deltas.map((delta) => delta?.text)).toEqual(['c', 'a', 'f', '', 'é'])
  })

  it('ends at the model’s end token without naming it, and keeps it out of the text', () => {
    expect(run([...idsOf('ok'), END_TOKEN, ...idsOf('no')])).toMatchObject({
      text: 'ok',
      tokens: [...idsOf('ok'), END_TOKEN],
      reason: 'stop',
      stop: null,
    })
  })

  it('goes on after the end token when asked to, with special tokens shown when asked to', () => {
    expect(run([...idsOf('a'), END_TOKEN, ...idsOf('b')], { ignore_eos: true })).toMatchObject({ text: 'ab', reason: null })
    expect(run([...idsOf('a'), END_TOKEN, ...idsOf('b')], { ignore_eos: true, skip_special_tokens: false }).text).toBe('a<end>b')
  })

  it('ends at a stop id and names it', () => {
    const [x = 0] = idsOf('x')
    expect(run(idsOf('abxc'), { stop_token_ids: [x] })).toMatchObject({ text: 'ab', reason: 'stop', stop: x })
    expect(run(idsOf('abxc'), { stop_token_ids: [x], include_stop_str_in_output: true })).toMatchObject({ text: 'abx', stop: x })
  })

  it('ends at a stop string, however it is cut into tokens, and names it', () => {
    expect(run(idsOf('say stop now'), { stop: ['halt', 'stop'] })).toMatchObject({
      text: 'say ',
      tokens: idsOf('say stop'),
      reason: 'stop',
      stop: 'stop',
    })
    expect(run(idsOf('say stop now'), { stop: 'stop', include_stop_str_in_output: true }).text).toBe('say stop')
  })

  it('gives out what might have become a stop string when the text ends', () => {
    expect(run(idsOf('say sto'), { stop: 'stop' }, 7)).toMatchObject({ text: 'say sto', reason: 'length', stop: null })
  })

  it('ends at max_tokens, and a stop string on the last token counts as a stop', () => {
    expect(run(idsOf('abcdef'), {}, 3)).toMatchObject({ text: 'abc', reason: 'length' })
    expect(run(idsOf('abcdef'), { stop: 'c' }, 3)).toMatchObject({ text: 'ab', reason: 'stop', stop: 'c' })
  })

  it('says what is left of half a character when the text ends in the middle of it', () => {
    expect(run([...idsOf('a'), 96], {}, 2).text).toBe('a\ufffd')
  })

  it('stops for nothing before min_tokens', () => {
    expect(run([END_TOKEN, ...idsOf('ab')], { min_tokens: 2 })).toMatchObject({ text: 'ab', reason: null })
    expect(run([...idsOf('a'), END_TOKEN], { min_tokens: 2 })).toMatchObject({ text: 'a', reason: 'stop' })
    expect(run(idsOf('xaxb'), { min_tokens: 2, stop: 'x' })).toMatchObject({ text: 'xa', stop: 'x' })
  })

  it('says its end once', () => {
    const { output } = run(idsOf('abc'), {}, 3)
    output.abort()
    expect(output.takeDelta()).toBe(undefined)
    expect(output.finishReason).toBe('length')
  })

  it('collects log-probabilities only when asked', () => {
    const scores = { logprob: -3, rank: 7, topIds: [40, 41], topLogprobs: [-0.1, -0.2] }
    const deltaFor = (params: SamplingParams) => {
      const output = new SequenceOutput(makeSequence([1], { sampling: sampling(params) }), fakeTokenizer)
      output.accept({ id: 50, scores })
      return output.takeDelta()?.logprobs
    }
    expect(deltaFor({})).toBe(null)
    expect(deltaFor({ logprobs: 0 })).toEqual([{ 50: { logprob: -3, rank: 7, decoded_token: 'R' } }])
    expect(deltaFor({ logprobs: 1 })).toEqual([
      { 40: { logprob: -0.1, rank: 1, decoded_token: 'H' }, 50: { logprob: -3, rank: 7, decoded_token: 'R' } },
    ])
  })
})

describe('SequenceOutput with a grammar', () => {
  /** Feeds ids; each place of the grammar allows exactly the ids of `text`. */
  function follow(text: string, ids: readonly number[], params: SamplingParams = {}, maxTokens = 100) {
    const sequence = makeSequence([1, 2], { sampling: sampling(params), maxTokens })
    sequence.grammar = fakeGrammar(idsOf(text).map((id) => [id]))
    const output = new SequenceOutput(sequence, fakeTokenizer)
    for (const id of ids) if (output.finishReason === null) output.accept({ id, scores: undefined })
    return output.takeDelta()
  }

  it('ends where nothing but the end may follow, without an end token', () => {
    expect(follow('ok', idsOf('ok'))).toMatchObject({ text: 'ok', token_ids: idsOf('ok'), finish_reason: 'stop', stop_reason: null })
    expect(follow('ok', idsOf('ok'), { ignore_eos: true, min_tokens: 5 })).toMatchObject({ text: 'ok', finish_reason: 'stop' })
  })

  it('is cut short at max_tokens, but not if it is complete with its last token', () => {
    expect(follow('okay', idsOf('okay'), {}, 3)).toMatchObject({ text: 'oka', finish_reason: 'length' })
    expect(follow('okay', idsOf('okay'), {}, 4)).toMatchObject({ text: 'okay', finish_reason: 'stop' })
  })

  it('still ends at stop strings and stop ids', () => {
    expect(follow('a-b-c', idsOf('a-b-c'), { stop: '-' })).toMatchObject({ text: 'a', finish_reason: 'stop', stop_reason: '-' })
    expect(follow('a-b-c', idsOf('a-b-c'), { stop_token_ids: idsOf('b') })).toMatchObject({ text: 'a-', stop_reason: idsOf('b')[0] })
  })

  it('says so when a token was chosen that is not allowed', () => {
    expect(() => follow('ok', idsOf('on'))).toThrow(/^Token 78 was chosen, which the grammar does not allow here\.$/)
  })

  it('keeps a space at the beginning, which a decoder of words would drop', () => {
    const sequence = makeSequence([1], { sampling: sampling() })
    sequence.grammar = fakeGrammar(idsOf(' a b').map((id) => [id]))
    const output = new SequenceOutput(sequence, { ...fakeTokenizer, leadingSpaces: 1 })
    for (const id of idsOf(' a b')) output.accept({ id, scores: undefined })
    expect(output.takeDelta()?.text).toBe(' a b')
  })
})

describe('logprobsAt', () => {
  it('lists a token that is both chosen and likely once', () => {
    const at = logprobsAt(fakeTokenizer, 40, { logprob: -0.1, rank: 1, topIds: [40, 41], topLogprobs: [-0.1, -0.2] }, 2)
    expect(Object.keys(at)).toEqual(['40', '41'])
  })
})
