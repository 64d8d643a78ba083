/**
 * A picture in any form a page holds it. Canvases, bitmaps and frames are copied at the time of the call and stay yours; a video element
 * gives its current frame. Files and addresses (http, https, data, blob; relative ones are resolved against the page) may be PNG, JPEG,
 * WebP, GIF, BMP or AVIF of at most 40 million pixels, and are turned as their EXIF says; alpha is dropped.
 */
export type PictureSource =
  | HTMLCanvasElement
  | OffscreenCanvas
  | ImageBitmap
  | ImageData
  | HTMLImageElement
  | HTMLVideoElement
  | VideoFrame
  | Blob
  | URL
  | string

/** Numbers nested as deep as the array has axes, row-major. */
export type NestedNumbers = readonly (number | NestedNumbers)[]

/** A dense array: its values in row-major order with their shape, or as nested lists. */
export type ArrayInput = NestedNumbers | { readonly data: ArrayLike<number>; readonly shape: readonly number[] }

/**
 * Pre-computed features in place of pictures, as vLLM names them: image_embeds [all tokens, hidden], the pictures one after another, and
 * for Qwen2-VL image_grid_thw [pictures, 3], each picture's size in patches (time, rows, columns); for MiniCPM-V image_size_list, or
 * image_sizes, [pictures, 2], the pictures' widths and heights.
 */
export interface ImageEmbeds {
  image_embeds: ArrayInput
  image_grid_thw?: ArrayInput
  image_size_list?: ArrayInput
  image_sizes?: ArrayInput
}

/** Pre-computed features in place of clips: video_embeds [all tokens, hidden] and for Qwen2-VL video_grid_thw [clips, 3]. */
export interface VideoEmbeds {
  video_embeds: ArrayInput
  video_grid_thw?: ArrayInput
}

/** Pre-computed features in place of sounds: audio_embeds [tokens, hidden] of one clip, or [clips, tokens, hidden]. */
export interface AudioEmbeds {
  audio_embeds: ArrayInput
}

/** What `multi_modal_data.image` takes, one or a list: a picture, or pre-computed features. */
export type ImageInput = PictureSource | ImageEmbeds

/**
 * A stretch of a moving source. A stream or track is watched from now on for `duration` seconds. A video element with a file is sought
 * through, and put back afterwards; there `duration` defaults to the rest of the file.
 */
export interface ClipSource {
  source: HTMLVideoElement | MediaStream | MediaStreamTrack
  /** Seconds. */
  duration?: number
  /** Seconds into a file. Default 0. */
  start?: number
  /** Frames a second. Default: media_io_kwargs.video of the request, else 2 and at most 32 frames in all, spread evenly. */
  fps?: number
}

/**
 * What `multi_modal_data.video` takes, one or a list: the frames of a clip in order, a video element (the whole file, at 2 frames a second
 * and at most 32 frames unless media_io_kwargs.video says otherwise), a stretch of a stream, pre-computed features, or a video file or its
 * address (what WebCodecs decodes; MediaError otherwise). A string may also be vLLM's `data:video/jpeg;base64,…,…`, JPEG frames with commas
 * between.
 */
export type VideoInput = readonly PictureSource[] | HTMLVideoElement | ClipSource | VideoEmbeds | Blob | URL | string

/**
 * What `multi_modal_data.audio` takes, one or a list: mono samples from -1 to 1 with their rate in Hz, a Web Audio buffer, a file or its
 * address, or pre-computed features. Files may be WAV, MP3, FLAC, Ogg (Opus, Vorbis), M4A, AAC and WebM, or clips with sound (MP4, MOV, MKV,
 * MPEG-TS), of at most 600 s and of a codec that the browser decodes (MediaError otherwise). What an encoder added at either end is left out
 * where the file says so. Channels are mixed and rates converted by the engine. Ultravox hears 30 s at a time, and longer sounds in pieces of
 * 30 s, up to 600 s.
 */
export type AudioInput = readonly [samples: Float32Array, sampling_rate: number] | AudioBuffer | AudioEmbeds | Blob | URL | string

/**
 * The media of one prompt (vLLM's name): one value or a list per modality, in the order of the placeholders. null stands for content that
 * the engine has seen before under the item's name in multi_modal_uuids.
 */
export interface MultiModalData {
  image?: ImageInput | null | readonly (ImageInput | null)[]
  video?: VideoInput | null | readonly (VideoInput | null)[]
  audio?: AudioInput | null | readonly (AudioInput | null)[]
}

/** Names of media contents (vLLM's name), which the caches go by instead of hashing: one per item, null where there is none. */
export type MultiModalUuids = Partial<Record<keyof MultiModalData, string | readonly (string | null)[]>>
