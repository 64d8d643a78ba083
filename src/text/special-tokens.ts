import { modelLoadError } from '../util/errors.ts'

/** A token cut out of the text before everything else, as tokenizer.json lists it. */
export interface AddedToken {
  id: number
  content: string
  special: boolean
  normalized: boolean
  lstrip: boolean
  rstrip: boolean
  single_word: boolean
}

/** Token ids that the post-processor writes around a text. */
export interface TextFrame {
  prefix: number[]
  suffix: number[]
}

/** A parsed JSON object. */
export type JsonObject = Record<string, unknown>

/** Whether a parsed JSON value is an object (no list, not null). */
export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** A special token of tokenizer_config.json is a string or an object with `content`; anything else is no token. */
function tokenContent(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return isObject(value) && typeof value['content'] === 'string' ? value['content'] : undefined
}

/** The named tokens of tokenizer_config.json (`bos_token`, `eos_token`, `pad_token`, …), by their key. */
export function readNamedTokens(config: JsonObject): Record<string, string> {
  const named: Record<string, string> = {}
  for (const [key, value] of Object.entries(config)) {
    const content = key.endsWith('_token') ? tokenContent(value) : undefined
    if (content !== undefined) named[key] = content
  }
  return named
}

function addedToken(id: unknown, value: unknown, where: string): AddedToken {
  const content = tokenContent(value)
  if (!isObject(value) || content === undefined || !Number.isInteger(id) || (id as number) < 0) {
    throw modelLoadError(
      `${where} has an added token that is no {id, content}: ${JSON.stringify(value)}. The file is damaged; fetch it again.`,
    )
  }
  const special = value['special'] === true
  return {
    id: id as number,
    content,
    special,
    normalized: typeof value['normalized'] === 'boolean' ? value['normalized'] : !special,
    lstrip: value['lstrip'] === true,
    rstrip: value['rstrip'] === true,
    single_word: value['single_word'] === true,
  }
}

/**
 * All added tokens: those of tokenizer.json, then those that only tokenizer_config.json knows (`added_tokens_decoder`, then named
 * and additional special tokens that are ordinary vocabulary entries), as transformers completes a tokenizer while loading it.
 */
export function readAddedTokens(tokenizerJson: JsonObject, config: JsonObject): AddedToken[] {
  const listed = Array.isArray(tokenizerJson['added_tokens']) ? tokenizerJson['added_tokens'] : []
  const tokens = listed.map((value: unknown) => addedToken(isObject(value) ? value['id'] : undefined, value, 'tokenizer.json'))
  const known = new Set(tokens.map((token) => token.content))
  const add = (token: AddedToken) => {
    if (known.has(token.content)) return
    known.add(token.content)
    tokens.push(token)
  }
  const decoder = isObject(config['added_tokens_decoder']) ? config['added_tokens_decoder'] : {}
  for (const [id, value] of Object.entries(decoder)) add(addedToken(Number(id), value, 'tokenizer_config.json'))

  const model = isObject(tokenizerJson['model']) ? tokenizerJson['model'] : {}
  const vocab = isObject(model['vocab']) ? model['vocab'] : {}
  const additional = Array.isArray(config['additional_special_tokens']) ? config['additional_special_tokens'].map(tokenContent) : []
  for (const content of [...Object.values(readNamedTokens(config)), ...additional]) {
    if (content === undefined || !Object.hasOwn(vocab, content)) continue
    add(addedToken(vocab[content], { content, special: true }, 'tokenizer_config.json'))
  }
  return tokens
}

function templateFrame(processor: JsonObject): TextFrame {
  const ids = isObject(processor['special_tokens']) ? processor['special_tokens'] : {}
  const frame: TextFrame = { prefix: [], suffix: [] }
  let side = frame.prefix
  for (const item of Array.isArray(processor['single']) ? processor['single'] : []) {
    if (isObject(item?.Sequence)) side = frame.suffix
    const entry = isObject(item?.SpecialToken) ? ids[String(item.SpecialToken['id'])] : undefined
    if (isObject(entry) && Array.isArray(entry['ids'])) side.push(...entry['ids'].map(Number))
  }
  return frame
}

/** What the post-processor of tokenizer.json writes before and after a single text. */
export function readTextFrame(processor: unknown): TextFrame {
  if (!isObject(processor)) return { prefix: [], suffix: [] }
  const pairId = (key: string) => (Array.isArray(processor[key]) ? [Number(processor[key][1])] : [])
  switch (processor['type']) {
    case 'TemplateProcessing':
      return templateFrame(processor)
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { prefix: pairId('cls'), suffix: pairId('sep') }
    case 'Sequence': {
      const frames = (Array.isArray(processor['processors']) ? processor['processors'] : []).map(readTextFrame)
      return { prefix: frames.toReversed().flatMap((f) => f.prefix), suffix: frames.flatMap((f) => f.suffix) }
    }
    default:
      return { prefix: [], suffix: [] }
  }
}
