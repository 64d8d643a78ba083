import type { Json, ModelShape } from './shapes/shape.ts'

/** tokenizer.json and tokenizer_config.json. */
export interface SyntheticTokenizer {
  readonly tokenizer: Json
  readonly config: Json
}

/**
 * A tokenizer with a token for each row of the embedding table: special tokens at their ids, the 256 bytes at the first ids left, and made-up
 * words at all others, which no text is encoded to but which can be decoded.
 */
export function syntheticTokenizer({ specials, decoder, bos }: ModelShape): SyntheticTokenizer {
  const names = new Map(Object.entries(specials).map(([token, id]) => [id, token]))
  const bytes = byteCharacters().values()
  const vocab: Record<string, number> = {}
  for (let id = 0; id < decoder.vocabulary; id++) {
    if (names.has(id)) continue
    const byte = bytes.next()
    vocab[byte.done ? `<word${id}>` : byte.value] = id
  }
  const added_tokens = [...names].map(([id, content]) => ({
    id,
    content,
    special: true,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  }))
  const post_processor =
    bos === undefined
      ? null
      : {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
          pair: [],
          special_tokens: { [bos]: { id: bos, ids: [specials[bos]], tokens: [bos] } },
        }
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false }
  return {
    tokenizer: {
      version: '1.0',
      added_tokens,
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor,
      decoder: byteLevel,
      model: { type: 'BPE', vocab, merges: [] },
    },
    config: {
      tokenizer_class: 'PreTrainedTokenizerFast',
      clean_up_tokenization_spaces: false,
      ...(bos !== undefined && { bos_token: bos }),
    },
  }
}

/** The character by which byte-level vocabularies write each byte: printable ones stand for themselves, others for those from 256 on. */
function byteCharacters(): string[] {
  let next = 256
  const printable = (byte: number): boolean => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
}
