import { describe, expect, it } from 'vitest'
import { Grammars, type GrammarTokenizer } from '../../../src/engine/grammars.ts'
import type { SequenceGrammar } from '../../../src/engine/sequence-grammar.ts'
import type { StructuredOutputs } from '../../../src/protocol/sampling.ts'
import { fakeTokenizer, idsOf } from './fake-tokenizer.ts'
import { END_TOKEN, sampling } from './make-sequence.ts'

const allowed = ({ mask }: SequenceGrammar): number[] =>
  Array.from({ length: mask.length * 32 }, (_, id) => id).filter((id) => ((mask[id >> 5] ?? 0) >>> (id & 31)) & 1)

function open(structured_outputs: StructuredOutputs, params: object = {}, tokenizer: GrammarTokenizer = fakeTokenizer): SequenceGrammar {
  const [first] = new Grammars(tokenizer).make(sampling({ structured_outputs, ...params }))
  if (!first) throw new Error('no grammar')
  return first
}

/** Writes a text and gives the grammar that is left. */
function written(grammar: SequenceGrammar, text: string): SequenceGrammar {
  for (const id of idsOf(text)) grammar.accept(id)
  return grammar
}

describe('Grammars', () => {
  it('makes none for a request that asks for none, else one per continuation', () => {
    const grammars = new Grammars(fakeTokenizer)
    expect(grammars.make(sampling({ n: 2 }))).toEqual([])
    const made = grammars.make(sampling({ n: 2, structured_outputs: { choice: ['ab', 'cd'] } }))
    expect(made.length).toBe(2)
    written(made[0] as SequenceGrammar, 'a')
    expect(made.map(allowed)).toEqual([idsOf('b'), idsOf('ac')])
  })

  it('allows end tokens only where the text may end', () => {
    const grammar = open({ choice: ['ab', 'abc'] })
    expect(allowed(grammar)).toEqual(idsOf('a'))
    expect(allowed(written(grammar, 'ab'))).toEqual([...idsOf('c'), END_TOKEN])
    expect(grammar.isComplete).toBe(false)
    expect(written(grammar, 'c').isComplete).toBe(true)
    const ended = written(open({ choice: ['ab', 'abc'] }), 'ab')
    ended.accept(END_TOKEN)
    expect(ended.isComplete).toBe(true)
  })

  it('takes no end tokens where they are ignored', () => {
    expect(allowed(written(open({ choice: ['ab', 'abc'] }, { ignore_eos: true }), 'ab'))).toEqual(idsOf('c'))
  })

  it('takes a stop id without a text as an end, and one with a text as its text', () => {
    const tokenizer: GrammarTokenizer = { ...fakeTokenizer, isSpecial: (id) => id === END_TOKEN || id === 98 }
    const stop_token_ids = [98, ...idsOf('b')]
    expect(allowed(written(open({ choice: ['ab', 'abc'] }, { stop_token_ids, ignore_eos: true }, tokenizer), 'ab'))).toEqual([
      ...idsOf('c'),
      98,
    ])
  })

  it('knows tokens by their bytes: halves of a character, and none for special tokens', () => {
    const grammar = open({ choice: ['é<end>'] })
    expect(allowed(grammar)).toEqual([96])
    grammar.accept(96)
    expect(allowed(grammar)).toEqual([97])
    grammar.accept(97)
    expect(allowed(grammar)).toEqual(idsOf('<'))
  })

  it('ends a text that could go on only with tokens there are none of', () => {
    const grammar = written(open({ choice: ['ab', 'ab中'] }, { ignore_eos: true }), 'ab')
    expect(grammar.isComplete).toBe(true)
  })

  it('refuses a text that no token can begin, and one that is empty, by name', () => {
    const refused: [texts: string[], message: RegExp][] = [
      [['中'], /^structured_outputs asks for a text that the model's tokens cannot write/],
      [[''], /^structured_outputs \(choice\) allows nothing but an empty answer/],
    ]
    for (const [choice, message] of refused) {
      let error: Error | undefined
      try {
        open({ choice })
      } catch (thrown) {
        error = thrown as Error
      }
      expect([error?.name, message.test(error?.message ?? '')]).toEqual(['InvalidRequestError', true])
    }
  })

  it('refuses a schema that cannot be walked through, by name', () => {
    const circle: Record<string, unknown> = {}
    circle['not'] = circle
    const depth = 50_000
    for (const json of [circle, `${'{"not":'.repeat(depth)}{}${'}'.repeat(depth)}`]) {
      let error: Error | undefined
      try {
        open({ json })
      } catch (thrown) {
        error = thrown as Error
      }
      expect([error?.name, error?.message.startsWith('structured_outputs.json cannot be used: ')]).toEqual(['InvalidRequestError', true])
    }
  })

  it('reads the tokens once, and not before a request asks for a grammar', () => {
    let reads = 0
    const tokenizer: GrammarTokenizer = {
      ...fakeTokenizer,
      tokenBytes(id) {
        reads++
        return fakeTokenizer.tokenBytes(id)
      },
    }
    const grammars = new Grammars(tokenizer)
    grammars.make(sampling())
    expect(reads).toBe(0)
    grammars.make(sampling({ structured_outputs: { choice: ['a'] } }))
    const first = reads
    grammars.make(sampling({ structured_outputs: { choice: ['b'] } }))
    // Beyond that only stop ids are looked at.
    expect([first >= 98, reads - first < 5]).toEqual([true, true])
  })
})
