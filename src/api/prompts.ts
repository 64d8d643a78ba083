import type { ChatOptions, Role } from '../protocol/chat.ts'
import type { Modality } from '../protocol/media.ts'
import type { AudioInput, ImageInput, MultiModalData, MultiModalUuids, VideoInput } from './media-types.ts'

/** What a prompt may carry beside its text (vLLM's names). */
export interface PromptExtras {
  /** Media for the placeholders of the prompt, in their order: one value or a list per modality. */
  multi_modal_data?: MultiModalData
  /** Options of the family's processor for this request, e.g. `{ max_pixels: 200704 }`. Default: those of LLM.create. */
  mm_processor_kwargs?: Record<string, unknown>
  /** How media files are read, by modality, e.g. `{ video: { num_frames: 8 } }`. Keys that do not apply are ignored. */
  media_io_kwargs?: Partial<Record<Modality, Readonly<Record<string, unknown>>>>
  /** Names of the media's contents, which the caches then go by instead of hashing: one per item, null where there is none. */
  multi_modal_uuids?: MultiModalUuids
  /** Requests with different salts share no cached prefixes. */
  cache_salt?: string
  /** Lower runs earlier. Default 0. */
  priority?: number
}

/** A prompt as text with the model's own placeholders, e.g. `<|vision_start|><|image_pad|><|vision_end|>` for Qwen2-VL. */
export interface TextPrompt extends PromptExtras {
  prompt: string
}

/** A prompt as token ids. Placeholders stand once per item, or are expanded already. */
export interface TokensPrompt extends PromptExtras {
  prompt_token_ids: readonly number[]
}

/** What generate() and stream() take: text, text with media, or token ids with media. */
export type Prompt = string | TextPrompt | TokensPrompt

/** Content with an optional name for the caches; content the engine has seen before may be left out, its name given. */
type Named<C> = (C & { uuid?: string | null }) | ({ [K in keyof C]?: null } & { uuid: string })

/**
 * A piece of a message. Pictures come as `image` with any picture the page holds, or in OpenAI's form as `image_url`; a `video` is a
 * list of pictures, or anything else that VideoInput names; sound is `audio`. `uuid` names the content for the caches, and stands for it
 * alone where the engine has seen it before.
 */
export type ChatPart =
  | { type: 'text'; text: string }
  | ({ type: 'image' } & Named<{ image: ImageInput }>)
  | ({ type: 'image_url' } & Named<{ image_url: { url: string; detail?: string } }>)
  | ({ type: 'video' } & Named<{ video: VideoInput }>)
  | ({ type: 'video_url' } & Named<{ video_url: { url: string } }>)
  | ({ type: 'audio' } & Named<{ audio: AudioInput }>)
  | ({ type: 'audio_url' } & Named<{ audio_url: { url: string } }>)
  | ({ type: 'input_audio' } & Named<{ input_audio: { data: string; format: string } }>)

/** One turn of a conversation. Further keys (name, tool_calls, …) are handed to the chat template. */
export interface ChatMessage {
  role: Role
  content: string | readonly ChatPart[]
  [key: string]: unknown
}

/** Options of generate(), and of stream() with a prompt. */
export interface GenerateOptions {
  /** Ends the requests in the engine; the call rejects with the signal's reason. */
  signal?: AbortSignal
}

/** Options of embed(); those of the chat template are for conversations. */
export interface EmbedOptions extends ChatCallOptions {
  /** Values per vector: the first so many, brought to length 1 again. Only for models whose vectors can be cut. Default: all. */
  dimensions?: number
}

/** Options of chat(), and of stream() with messages. */
export interface ChatCallOptions extends ChatOptions, GenerateOptions, Omit<PromptExtras, 'multi_modal_data' | 'multi_modal_uuids'> {}
