import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { Batch } from '../layers/batch.ts'
import type { WeightReader } from '../layers/weights.ts'
import type { RgbImage } from '../media/rgb-image.ts'
import type { Sound } from '../media/sound.ts'

export type MediaKind = 'image' | 'video' | 'audio'

/** The JSON files beside a checkpoint, parsed; undefined where a repository has none. */
export interface ModelFiles {
  readonly config: Readonly<Record<string, unknown>>
  readonly generationConfig: Readonly<Record<string, unknown>> | undefined
  readonly preprocessorConfig: Readonly<Record<string, unknown>> | undefined
  readonly videoPreprocessorConfig: Readonly<Record<string, unknown>> | undefined
  readonly processorConfig: Readonly<Record<string, unknown>> | undefined
}

/** A part of a model that lies in a folder of its own, with the names there and in the whole. */
export interface ModelPart {
  /** Folder inside the model's own, or a Hub id. */
  readonly id: string
  /** The key of config.json under which the part's own config.json belongs. */
  readonly configKey: string
  /** What the part's tensors are prefixed with. */
  readonly prefix: string
}

/** What the engine must know of a decoder to lay out its caches. */
export interface DecoderShape {
  readonly layers: number
  readonly kvHeads: number
  readonly headDim: number
  readonly hidden: number
  readonly vocabulary: number
  /** Longest sequence the positions were made for. */
  readonly maxPositions: number
}

/** An array on its way to the GPU. */
export interface HostArray {
  readonly data: Float32Array | Uint32Array | Int32Array
  readonly shape: readonly number[]
}

/** A media item after its processor, ready to be encoded. */
export interface PreparedMedia {
  readonly kind: MediaKind
  /** Embedding rows, one per placeholder token. */
  readonly tokens: number
  /** The family's own geometry (Qwen2-VL: [t, h, w] in patches). Equal geometries share a recorded encoder. */
  readonly grid: readonly number[]
  /** Encoder inputs by name; for pre-computed embeddings only `embeds` [tokens, hidden], which skips the encoder. */
  readonly inputs: Readonly<Record<string, HostArray>>
  /** It goes on where the item before it ends: both are one item of the request, too long to be encoded in one piece. */
  readonly continues?: true
}

/** Where an item's embeddings stand in the prompt. */
export interface MediaSpan {
  readonly kind: MediaKind
  /** Index among the request's items of that kind. */
  readonly item: number
  readonly offset: number
  readonly length: number
  /** Which of the item's rows stands at `offset`, for items that are spread over several places. Default 0. */
  readonly row?: number
}

/** A prompt after expansion of its placeholders. */
export interface ExpandedPrompt {
  readonly tokenIds: number[]
  readonly spans: readonly MediaSpan[]
}

/** Rotary positions of a prompt: three streams of equal length (equal ones for text), and the position of the next token. */
export interface PromptPositions {
  /** [3, n] flat: temporal, height, width. */
  readonly streams: Int32Array
  readonly next: number
  /** Where longer sequences are placed otherwise. */
  readonly long?: LongPositions
}

/** All tokens of a sequence of more than `above` tokens have positions higher by `shift`, those from before it grew so long too. */
export interface LongPositions {
  readonly above: number
  readonly shift: number
}

/** Text to ids, as the checkpoint's tokenizer does it. */
export type Encode = (text: string, addSpecialTokens: boolean) => number[]

/** What stands for a clip and for a picture in a text prompt, by their numbers from 1. */
export interface ClipTags {
  readonly clip: (number: number) => string
  readonly picture: (number: number) => string
}

/** Prepared items of one request, in prompt order per kind. */
export type PreparedByKind = Readonly<Partial<Record<MediaKind, readonly PreparedMedia[]>>>

/** How a family's checkpoints turn a prompt into a vector: the final-norm hidden state of its last token. */
export interface EmbeddingRules<C, W> {
  /** Embedding, decoder layers, final norm: f32 [batch.sampleRows, hidden]. */
  hidden(step: Step, weights: W, config: C, batch: Batch, tables: Readonly<Record<string, Tensor>>): Tensor
  /** May vectors be cut (trained so that their first values are a vector of their own)? */
  readonly cuts: boolean
  /** Jinja template for conversations unless engine or request give one; contents may be lists of parts. Default: the checkpoint's. */
  readonly template?: string
  /** Text that ends every text and conversation: its last token is the one that is read. */
  readonly ending?: string
  /** Text without this is no finished prompt but the content of a conversation of one message, behind the media. */
  readonly turnMark?: string
  /** Sides of the black picture that comes before text that has no media. */
  readonly blankPicture?: number
}

/**
 * A model family: everything the engine needs to run checkpoints of one architecture, from config.json to logits.
 * C is its parsed config, W its weights (inferred from readWeights).
 */
export interface ModelFamily<C, W> {
  /** Values of config.json's model_type. */
  readonly modelTypes: readonly string[]
  readonly kinds: readonly MediaKind[]
  /** For chat templates that take contents as plain strings: the text for an item of media; number: its place among its kind, from 1. */
  readonly placeholder?: (kind: MediaKind, number: number) => string
  /** For families that see a clip as its frames, each a picture; expandPrompt never gets one then. `kinds` has 'video'. */
  readonly clipTags?: ClipTags
  /** For families whose prompts are more than their text's ids: what a text is before its media are known, one placeholder for each. */
  unexpandedIds?(config: C, text: string, encode: Encode): number[]
  /** Parts that config.json says lie elsewhere. They are looked for when the model's own folder has no tensors of theirs. */
  readonly parts?: (config: Readonly<Record<string, unknown>>) => readonly ModelPart[]
  /** Errors: ModelLoadError naming the key, what it holds and what is allowed. */
  readConfig(files: ModelFiles): C
  decoder(config: C): DecoderShape
  /** Ids that end a sequence. */
  endTokens(config: C): readonly number[]
  readWeights(reader: WeightReader, config: C): W
  /** Tensors made once from the config (rotary tables): called with the longest sequence the engine will run. */
  tables(config: C, maxLength: number): Readonly<Record<string, HostArray>>
  /** mm_processor_kwargs of engine and request, merged. Errors: MediaError, InvalidRequestError. */
  prepareImage(config: C, image: RgbImage, options: Readonly<Record<string, unknown>>): PreparedMedia
  /** Only families with clips that are more than their pictures. */
  prepareVideo?(config: C, frames: readonly RgbImage[], options: Readonly<Record<string, unknown>>): PreparedMedia
  /** Only families of kind audio. A long clip gives several items, of which all but the first continue the one before. */
  prepareAudio?(config: C, sound: Sound, options: Readonly<Record<string, unknown>>): readonly PreparedMedia[]
  /** Splits the tensors of one image or video entry into its items. Errors: InvalidRequestError with the expected shape. */
  prepareEmbeds(config: C, kind: MediaKind, tensors: Readonly<Record<string, HostArray>>): PreparedMedia[]
  /** Errors: InvalidRequestError when placeholders and items do not match in number. */
  expandPrompt(config: C, prompt: string | readonly number[], encode: Encode, media: PreparedByKind): ExpandedPrompt
  positions(config: C, prompt: ExpandedPrompt, media: PreparedByKind): PromptPositions
  /** One item → embedding rows, f32 [tokens, hidden]. inputs: the item's arrays as tensors. */
  encode(step: Step, weights: W, config: C, kind: MediaKind, grid: readonly number[], inputs: Readonly<Record<string, Tensor>>): Tensor
  /** Embedding, decoder layers, head: f32 logits [batch.sampleRows, vocabulary]. */
  forward(step: Step, weights: W, config: C, batch: Batch, tables: Readonly<Record<string, Tensor>>): Tensor
  /** Only families with checkpoints that make embeddings. */
  readonly embedding?: EmbeddingRules<C, W>
}

/** A family whose config and weights are opaque to the caller, as the engine holds it. */
export type AnyFamily = ModelFamily<unknown, unknown>

/** Checks a family against the interface and keeps its types. */
export const defineFamily = <C, W>(family: ModelFamily<C, W>): ModelFamily<C, W> => family
