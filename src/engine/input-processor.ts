import type { AnyFamily, Encode, PreparedByKind, PreparedMedia } from '../models/family.ts'
import type { EngineRequest, TaskOption, TokenizeInput, TokenizeOutput, WirePrompt } from '../protocol/engine-api.ts'
import type { PoolingParams } from '../protocol/pooling.ts'
import { renderChat } from '../text/chat-template.ts'
import { type ChatTemplateSources, chooseChatTemplate } from '../text/chat-template-source.ts'
import type { Tokenizer } from '../text/tokenizer.ts'
import { contextLengthError, invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import { checkPooling, withConventions } from './embedding.ts'
import { framesAsPictures, onePictureEach } from './frames-as-pictures.ts'
import type { MediaLimits } from './media-limits.ts'
import type { MediaReading } from './media-reading.ts'
import { plainMessages } from './plain-content.ts'
import { closeMedia, type KeyedByKind, MediaPreparer, type RequestMedia } from './prepare-media.ts'
import type { AcceptedRequest } from './request.ts'
import { type ResolvedSampling, resolveSampling, type SamplingContext } from './sampling.ts'
import type { SequenceMedia } from './sequence.ts'

/** Characters per token of max_model_len from which on a text is measured before it is encoded; shorter ones are encoded soon enough. */
const SURE_CHARACTERS = 8

/** What reading requests needs of a loaded model. */
export interface InputModel {
  readonly family: AnyFamily
  readonly config: unknown
  readonly tokenizer: Tokenizer
  readonly templates: ChatTemplateSources
  readonly generationConfig: Readonly<Record<string, unknown>> | undefined
}

/** What requests are read by; see EngineConfig. */
export interface InputRules {
  readonly modelName: string
  readonly task: TaskOption
  readonly maxModelLength: number
  readonly mediaLimits: MediaLimits
  readonly prefixCaching: boolean
  /** mm_processor_kwargs of the engine; a request's own come on top. */
  readonly processorOptions: Readonly<Record<string, unknown>>
  /** media_io_kwargs of the engine; a request's own come on top. */
  readonly mediaReading: MediaReading
  /** Seed of requests that give none; undefined: random. */
  readonly seed: number | undefined
}

type Conversation = Extract<WirePrompt, { messages: unknown }>

/** Turns requests into sequences' beginnings: text to tokens, media to prepared items, defaults filled in, everything checked. */
export class InputProcessor {
  readonly #model: InputModel
  readonly #rules: InputRules
  readonly #media: MediaPreparer
  readonly #vocabulary: number
  #arrivals = 0

  constructor(model: InputModel, rules: InputRules) {
    this.#model = model
    this.#rules = rules
    const { mediaLimits: limits, mediaReading: reading, maxModelLength: maxTokens } = rules
    this.#media = new MediaPreparer({ family: model.family, config: model.config, limits, reading, maxTokens })
    this.#vocabulary = model.family.decoder(model.config).vocabulary
  }

  /** Errors: InvalidRequestError, MediaError, ContextLengthError, AbortError; each names what was given and what is allowed. */
  async process(request: EngineRequest, signal: AbortSignal): Promise<AcceptedRequest> {
    try {
      return await this.#process(request, signal)
    } finally {
      closeMedia(request.media)
    }
  }

  /** Errors: InvalidRequestError, ContextLengthError, as for a request with this input. */
  tokenize(input: TokenizeInput): TokenizeOutput {
    const { tokenizer, family, config } = this.#model
    const special = input.add_special_tokens ?? ('messages' in input ? 'auto' : true)
    if (special !== 'auto' && typeof special !== 'boolean')
      throw invalidRequestError(`add_special_tokens must be true or false, got ${showValue(special)}.`)
    const text = 'messages' in input ? this.#textOf(this.#conversationOf(input)) : textOf(input.prompt)
    this.#checkText(text)
    const encode: Encode = (part, first) => tokenizer.encode(part, { addSpecialTokens: first && special })
    const tokens = 'messages' in input && family.unexpandedIds ? family.unexpandedIds(config, text, encode) : encode(text, true)
    return { tokens, token_strs: tokens.map((id) => tokenizer.decode([id], { skipSpecialTokens: false })) }
  }

  /** A conversation as requests have it: one to embed may get a picture of the family's. */
  #conversationOf(input: Conversation): Conversation {
    const rules = this.#embedding
    if (!rules || !Array.isArray(input.messages)) return input
    const parts = input.messages.flatMap(({ content }) => (Array.isArray(content) ? content : []))
    const media = parts.filter(({ type }) => type !== 'text').map(() => ({ kind: 'cached' as const }))
    return withConventions({ request_id: '', input, media: { image: media }, sampling: {} }, rules).input as Conversation
  }

  async #process(given: EngineRequest, signal: AbortSignal): Promise<AcceptedRequest> {
    const arrival = this.#arrivals++
    const { family, config } = this.#model
    const pooling = this.#poolingOf(given)
    const sampling = resolveSampling(pooling ? ONE_TOKEN : given.sampling, this.#samplingContext())
    const request = pooling && family.embedding ? withConventions(given, family.embedding) : given
    // What is wrong with the prompt is said before any file is read.
    const first = this.#promptOf(request)
    const options = { ...this.#rules.processorOptions, ...processorOptionsOf(request) }
    const found = await this.#media.prepare(request.media, options, signal, request.media_io_kwargs)
    const { input, keyed } = this.#withFrames(request.input, found)
    const prompt = input === request.input ? first : this.#promptOf({ ...request, input })
    const media = withoutKeys(keyed)
    const expanded = family.expandPrompt(config, prompt.source, prompt.encode, media)
    this.#checkLength(expanded.tokenIds)
    this.#checkTokens(expanded.tokenIds)
    const positions = family.positions(config, expanded, media)
    return {
      id: request.request_id,
      promptText: prompt.text,
      promptTokens: expanded.tokenIds,
      media: expanded.spans.map((span): SequenceMedia => {
        const item = keyed[span.kind]?.[span.item]
        if (!item) throw invalidRequestError(`The prompt has a placeholder for ${span.kind} ${span.item + 1}, which was not given.`)
        return { ...item, offset: span.offset, length: span.length, row: span.row ?? 0 }
      }),
      positions: positions.streams,
      nextPosition: positions.next,
      longPositions: positions.long,
      sampling,
      pooling,
      maxTokens: this.#maxTokens(sampling, expanded.tokenIds.length),
      priority: priorityOf(request),
      arrival,
      // Without prefix caching a prompt's blocks are shared by its own continuations only.
      cacheSalt: this.#rules.prefixCaching ? `salt ${request.cache_salt ?? ''}` : `request ${arrival}`,
    }
  }

  /** Clips as the family sees them: where these are pictures, they become ones of the prompt. */
  #withFrames(input: WirePrompt, { items, clips }: RequestMedia): { input: WirePrompt; keyed: KeyedByKind } {
    const { clipTags } = this.#model.family
    if (!clipTags || clips.length === 0) return { input, keyed: items }
    const spread = framesAsPictures(input, items.image ?? [], clips, clipTags)
    return { input: spread.input, keyed: { ...items, image: [...spread.pictures] } }
  }

  /** Undefined for a request of text. Errors: InvalidRequestError for what the model was not loaded for. */
  #poolingOf({ pooling }: EngineRequest): PoolingParams | undefined {
    const { family, config } = this.#model
    const { modelName, task } = this.#rules
    if (task === 'generate' && pooling != null)
      throw invalidRequestError(`${modelName} was loaded with task: 'generate' and makes no embeddings; load it with task: 'embed'.`)
    if (task === 'generate') return undefined
    if (pooling == null)
      throw invalidRequestError(
        `${modelName} was loaded with task: 'embed' and writes no text; ask it for embeddings, or load it with task: 'generate'.`,
      )
    if (!family.embedding) throw new Error('the family makes no embeddings')
    return checkPooling(pooling, family.embedding, family.decoder(config).hidden)
  }

  #promptOf({ input }: EngineRequest): { text: string | null; source: string | readonly number[]; encode: Encode } {
    const { tokenizer } = this.#model
    // A beginning that is written already, as by many templates, is not written again.
    const encode: Encode = (part, special) => tokenizer.encode(part, { addSpecialTokens: special && 'auto' })
    if ('prompt_token_ids' in input) {
      const ids = input.prompt_token_ids
      const odd = Array.isArray(ids) ? ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < this.#vocabulary)) : ids
      if (odd !== undefined)
        throw invalidRequestError(`prompt_token_ids must be a list of ids from 0 to ${this.#vocabulary - 1}, got ${JSON.stringify(odd)}.`)
      return { text: null, source: ids, encode }
    }
    const text = this.#textOf(input)
    this.#checkText(text)
    return { text, source: text, encode }
  }

  #textOf(input: Exclude<WirePrompt, { prompt_token_ids: unknown }>): string {
    const written = 'messages' in input ? this.#render(input) : textOf(input.prompt)
    const ending = this.#embedding?.ending ?? ''
    return written.endsWith(ending) ? written : written + ending
  }

  #render(input: Conversation): string {
    const { messages, chat } = this.#model.family.clipTags ? onePictureEach(input) : input
    if (!Array.isArray(messages) || messages.length === 0) throw invalidRequestError('messages must hold at least one message, got none.')
    const { family, templates, tokenizer } = this.#model
    const given = chat.chat_template ?? templates.chatTemplate
    const own = given ?? this.#embedding?.template
    if (own !== undefined && typeof own !== 'string') throw invalidRequestError(`chat_template must be a string, got ${showValue(own)}.`)
    const template = chooseChatTemplate({ ...templates, chatTemplate: own }, (chat.tools?.length ?? 0) > 0)
    return renderChat(template, {
      // The family's own template for embeddings takes parts.
      messages: family.placeholder && own === given ? plainMessages(messages, family.placeholder) : messages,
      tools: chat.tools,
      add_generation_prompt: chat.add_generation_prompt ?? !chat.continue_final_message,
      continue_final_message: chat.continue_final_message,
      bos_token: tokenizer.bosToken,
      eos_token: tokenizer.eosToken,
      chat_template_kwargs: { ...tokenizer.namedTokens, ...chat.chat_template_kwargs },
    })
  }

  #samplingContext(): SamplingContext {
    const { family, config, generationConfig } = this.#model
    const limit = generationConfig?.['max_new_tokens']
    return {
      vocabulary: this.#vocabulary,
      endTokens: family.endTokens(config),
      generationConfig,
      // As vLLM's server: the checkpoint's own limit, else whatever max_model_len leaves.
      defaultMaxTokens: Number.isSafeInteger(limit) && Number(limit) > 0 ? Number(limit) : undefined,
      defaultSeed: this.#rules.seed === undefined ? randomSeed() : BigInt(this.#rules.seed),
    }
  }

  /** Encoding megabytes takes seconds in which no other request gets on: what is surely too long is not encoded. */
  #checkText(text: string): void {
    const { maxModelLength } = this.#rules
    if (text.length < SURE_CHARACTERS * maxModelLength) return
    const tokens = this.#model.tokenizer.fewestTokens(text)
    if (tokens >= maxModelLength + (this.#embedding ? 1 : 0)) throw tooLong(`at least ${tokens}`, maxModelLength, !this.#embedding)
  }

  #checkLength(tokens: readonly number[]): void {
    const { maxModelLength } = this.#rules
    if (tokens.length === 0) throw invalidRequestError('The prompt is empty; give at least one token of text.')
    const room = this.#embedding ? maxModelLength : maxModelLength - 1
    if (tokens.length > room) throw tooLong(String(tokens.length), maxModelLength, this.#embedding === undefined)
  }

  /** Conventions of embeddings, where the model was loaded for them. */
  get #embedding(): AnyFamily['embedding'] {
    return this.#rules.task === 'embed' ? this.#model.family.embedding : undefined
  }

  #checkTokens(tokens: readonly number[]): void {
    const odd = tokens.find((id) => id >= this.#vocabulary)
    if (odd === undefined) return
    throw invalidRequestError(
      `The prompt has token ${odd}, but the model's tokens go from 0 to ${this.#vocabulary - 1}; its tokenizer.json belongs to another model, or the text holds a token that it adds.`,
    )
  }

  #maxTokens(sampling: ResolvedSampling, promptLength: number): number {
    if (this.#embedding) return 1
    return Math.min(sampling.maxTokens ?? Number.POSITIVE_INFINITY, this.#rules.maxModelLength - promptLength)
  }
}

/** Sampling of a request without text: it ends with its prompt. */
const ONE_TOKEN = { max_tokens: 1, temperature: 0 }

const tooLong = (tokens: string, limit: number, answers: boolean): Error =>
  contextLengthError(
    `prompt has ${tokens} tokens but max_model_len is ${limit}; shorten it or raise max_model_len${answers ? ' (one place must be left for the answer)' : ''}`,
  )

function processorOptionsOf({ mm_processor_kwargs: options = {} }: EngineRequest): Readonly<Record<string, unknown>> {
  if (typeof options === 'object' && !Array.isArray(options)) return options
  throw invalidRequestError(`mm_processor_kwargs must be an object such as { max_pixels: 200704 }, got ${showValue(options)}.`)
}

function priorityOf({ priority = 0 }: EngineRequest): number {
  if (!Number.isFinite(priority)) throw invalidRequestError(`priority must be a number, got ${showValue(priority)}.`)
  return priority
}

function textOf(prompt: unknown): string {
  if (typeof prompt === 'string') return prompt
  throw invalidRequestError(`prompt must be a string, got ${showValue(prompt)}.`)
}

function withoutKeys(keyed: KeyedByKind): PreparedByKind {
  return Object.fromEntries(
    Object.entries(keyed).map(([kind, items]): [string, PreparedMedia[]] => [kind, items.map((item) => item.media)]),
  )
}

function randomSeed(): bigint {
  const [low = 0, high = 0] = crypto.getRandomValues(new Uint32Array(2))
  return (BigInt(high) << 32n) | BigInt(low)
}
