/**
 * Media as they cross the thread border: what the main thread could capture without decoding, in a form that can be transferred.
 * The caches know content by its hash; `uuid` is a second name for it (vLLM's multi_modal_uuids). An item of kind 'cached' has a uuid and no
 * content: the engine must have seen it before, or answers InvalidRequestError.
 */
export type WireImage = { uuid?: string } & (
  | { kind: 'bitmap'; bitmap: ImageBitmap }
  | { kind: 'frame'; frame: VideoFrame }
  | { kind: 'rgba'; data: Uint8ClampedArray; width: number; height: number }
  | { kind: 'blob'; blob: Blob }
  | { kind: 'url'; url: string }
  | { kind: 'cached' }
)

/** A dense array. data holds shape's product of values, row-major, as float32. */
export interface WireTensor {
  data: Float32Array
  shape: number[]
}

/** Pre-computed features in place of pixels: image_embeds [tokens, hidden] (or per item) with image_grid_thw [items, 3], the video twins, or audio_embeds. */
export interface WireEmbeds {
  kind: 'embeds'
  uuid?: string
  tensors: Record<string, WireTensor>
}

/** A clip as frames in order, as a file, or one the engine still knows by its uuid. */
export type WireVideo = { uuid?: string } & (
  | { kind: 'frames'; frames: WireImage[] }
  | { kind: 'blob'; blob: Blob }
  | { kind: 'url'; url: string }
  | { kind: 'cached' }
)

/** Sound: mono or multi-channel samples at their own rate (channels: one Float32Array each, equal lengths), or a file. */
export type WireAudio = { uuid?: string } & (
  | { kind: 'samples'; channels: Float32Array[]; sampling_rate: number }
  | { kind: 'blob'; blob: Blob }
  | { kind: 'url'; url: string }
  | { kind: 'cached' }
)

/** All media of one request, each list in the order of its placeholders in the prompt. */
export interface WireMedia {
  image?: (WireImage | WireEmbeds)[]
  video?: (WireVideo | WireEmbeds)[]
  audio?: (WireAudio | WireEmbeds)[]
}

/** Kinds of media, as vLLM names them. */
export type Modality = 'image' | 'video' | 'audio'
