import { Tokenizer as Encoder } from '@huggingface/tokenizers'
import { messageOf, modelLoadError } from '../util/errors.ts'
import { createDetokenizer, type DetokenizerOptions } from './detokenizer.ts'
import { createTokenBound } from './fewest-tokens.ts'
import { isObject, readAddedTokens, readNamedTokens, readTextFrame } from './special-tokens.ts'
import { createTokenTable, type TokenTable } from './token-table.ts'

/** How text becomes ids. */
export interface EncodeOptions {
  /**
   * Whether the post-processor's tokens (BOS, say) are written around the text: always, never, or 'auto', which is always except
   * that a text beginning with them does not get them twice (a chat template may have written BOS). Default 'auto'.
   */
  addSpecialTokens?: boolean | 'auto'
  /** Reads the strings of special tokens in the text (`<|im_start|>`) as plain text. For text that is not trusted. Default false. */
  splitSpecialTokens?: boolean
}

/** A checkpoint's tokenizer: text to ids, ids to text, ids to bytes. Ids are plain numbers. */
export interface Tokenizer extends TokenTable {
  /** One more than the highest id. The model's embedding table may have further, unused rows. */
  readonly vocabSize: number
  readonly bosToken: string | undefined
  readonly bosTokenId: number | undefined
  readonly eosToken: string | undefined
  readonly eosTokenId: number | undefined
  /** Named tokens of tokenizer_config.json (`bos_token`, `pad_token`, …): variables that a chat template may use. */
  readonly namedTokens: Readonly<Record<string, string>>
  encode(text: string, options?: EncodeOptions): number[]
  /** A number of tokens that encode() is sure to give at least; a thousand times faster. */
  fewestTokens(text: string): number
  /**
   * The text of a sequence, as the tokenizers library decodes it. Ids without a token add nothing.
   * `clean_up_tokenization_spaces` is not applied: like vLLM, which leaves the model's text as it is.
   */
  decode(ids: Iterable<number>, options?: DetokenizerOptions): string
  /** The id of a token given as the vocabulary writes it (`Ġthe`, `<|im_end|>`). */
  tokenId(token: string): number | undefined
}

const startsWith = (ids: readonly number[], prefix: readonly number[]): boolean =>
  prefix.length > 0 && prefix.every((id, i) => ids[i] === id)

function highestId(encoder: Encoder): number {
  let highest = -1
  for (const id of encoder.get_vocab().values()) if (id > highest && encoder.id_to_token(id) !== undefined) highest = id
  return highest
}

function makeEncoder(json: object, config: object): Encoder {
  try {
    return new Encoder(json, config)
  } catch (error) {
    throw modelLoadError(`tokenizer.json cannot be used: ${messageOf(error)}. Use the tokenizer.json of the model's own repository.`, error)
  }
}

/**
 * Makes a tokenizer from the parsed tokenizer.json and tokenizer_config.json (an absent configuration may be undefined).
 * Throws ModelLoadError for a file that is damaged or has parts that are not supported.
 */
export function createTokenizer(tokenizerJson: unknown, tokenizerConfig: unknown): Tokenizer {
  if (!isObject(tokenizerJson) || !isObject(tokenizerJson['model'])) {
    throw modelLoadError('tokenizer.json holds no object with a "model"; use the tokenizer.json of the model\'s own repository.')
  }
  const config = isObject(tokenizerConfig) ? tokenizerConfig : {}
  const added = readAddedTokens(tokenizerJson, config)
  const json = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...tokenizerJson, added_tokens: added }
  const encoder = makeEncoder(json, config)
  const table = createTokenTable(json.decoder, (id) => encoder.id_to_token(id), added)
  const frame = readTextFrame(json.post_processor)
  const namedTokens = readNamedTokens(config)
  const idOf = (token: string | undefined) => (token === undefined ? undefined : encoder.token_to_id(token))

  let plain: Encoder | undefined
  /** An encoder that finds no special tokens; it shares the vocabulary and merges, which are the bulk of the memory. */
  const plainEncoder = (): Encoder => {
    if (!plain) {
      const emptyModel = { type: 'BPE', vocab: {}, merges: [] }
      plain = makeEncoder({ ...json, model: emptyModel, added_tokens: added.filter((token) => !token.special) }, config)
      plain.model = encoder.model
    }
    return plain
  }
  const size = highestId(encoder) + 1
  return {
    ...table,
    vocabSize: size,
    bosToken: namedTokens['bos_token'],
    bosTokenId: idOf(namedTokens['bos_token']),
    eosToken: namedTokens['eos_token'],
    eosTokenId: idOf(namedTokens['eos_token']),
    namedTokens,
    fewestTokens: createTokenBound({ json, size, tokenBytes: table.tokenBytes }),
    encode(text, { addSpecialTokens = 'auto', splitSpecialTokens = false } = {}) {
      // An unknown piece of a vocabulary without an unknown token has no id; the library leaves undefined there.
      const found: (number | undefined)[] = (splitSpecialTokens ? plainEncoder() : encoder).encode(text, { add_special_tokens: false }).ids
      const ids = found.filter((id) => id !== undefined)
      if (addSpecialTokens === false) return ids
      const prefix = addSpecialTokens === 'auto' && startsWith(ids, frame.prefix) ? [] : frame.prefix
      return prefix.concat(ids, frame.suffix)
    },
    decode(ids, options) {
      const detokenizer = createDetokenizer(table, options)
      let text = ''
      for (const id of ids) text += detokenizer.push(id)
      return text + detokenizer.flush()
    },
    tokenId: idOf,
  }
}
