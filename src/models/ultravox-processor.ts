import { logMel, WHISPER_HOP, WHISPER_RATE } from '../media/log-mel.ts'
import { resample } from '../media/resample.ts'
import { mixToMono, type Sound } from '../media/sound.ts'
import { invalidRequestError, mediaError } from '../util/errors.ts'
import type { Encode, ExpandedPrompt, HostArray, MediaKind, PreparedByKind, PreparedMedia } from './family.ts'
import { expandPlaceholders } from './placeholders.ts'
import type { UltravoxConfig } from './ultravox-config.ts'
import { encodedRows } from './whisper-encoder.ts'

/** What stands for a clip in a prompt; no token of the tokenizer's. */
export const AUDIO = '<|audio|>'

/** The token that runs of embeddings are written over, as vLLM has it: any would do, but one that ends nothing and means nothing is best. */
const RUN_TOKEN = '<|reserved_special_token_0|>'

/** Rates that are resampled, in Hz: beyond them a file is damaged rather than odd. */
const RATES = { min: 1000, max: 384_000 }

/**
 * A clip as Whisper hears it: mixed to one channel, resampled to 16 kHz, log-mel spectrogram of its own length (not padded to 30 s).
 * Clips under 20 ms get silence after them. Errors: MediaError for odd rates, values that are not finite, and clips over the encoder's 30 s.
 */
export function prepareAudio(config: UltravoxConfig, sound: Sound): PreparedMedia {
  const { audio, stack } = config
  const length = sound.channels[0]?.length ?? 0
  const rate = Math.round(sound.rate)
  if (length === 0) throw mediaError('The clip has no samples; give at least one.')
  if (!(rate >= RATES.min && rate <= RATES.max)) {
    throw mediaError(`The clip has a sampling rate of ${sound.rate} Hz; it must be from ${RATES.min} to ${RATES.max} Hz.`)
  }
  const mostFrames = 2 * audio.positions
  const framesOf = (samples: number): number => Math.floor(samples / WHISPER_HOP)
  const longest = (mostFrames * WHISPER_HOP) / WHISPER_RATE
  // Said before any work is done on it.
  if (framesOf(Math.ceil((length * WHISPER_RATE) / rate)) > mostFrames) {
    throw mediaError(
      `The clip is ${(length / rate).toFixed(1)} s long; the model hears at most ${longest} s. Cut it into several clips, each with its own ${AUDIO}.`,
    )
  }
  const mono = mixToMono(sound)
  if (!mono.every(Number.isFinite)) throw mediaError('The clip has samples that are not finite; give numbers from -1 to 1.')
  const samples = padded(resample(mono, rate, WHISPER_RATE), 2 * WHISPER_HOP)
  const frames = framesOf(samples.length)
  const data = logMel(samples, audio.bands)
  const tokens = Math.min(audioTokens(samples.length, stack), Math.ceil(encodedRows(frames) / stack))
  return { kind: 'audio', grid: [frames, tokens], tokens, inputs: { mel: { data, shape: [frames, audio.bands] } } }
}

/** Embeddings of a clip of so many samples at 16 kHz, by the reference's rule. */
export const audioTokens = (samples: number, stack: number): number => Math.max(1, Math.ceil(Math.round(samples / 320 + 1e-4) / stack))

function padded(samples: Float32Array, length: number): Float32Array {
  if (samples.length >= length) return samples
  const longer = new Float32Array(length)
  longer.set(samples)
  return longer
}

/** Pre-computed embeddings: `audio_embeds` f32 [tokens, hidden] of one clip, or [clips, tokens, hidden]. */
export function prepareEmbeds(config: UltravoxConfig, kind: MediaKind, tensors: Readonly<Record<string, HostArray>>): PreparedMedia[] {
  const { hidden } = config
  const embeds = tensors['audio_embeds']
  if (kind !== 'audio' || !embeds) {
    throw invalidRequestError(`Pre-computed ${kind} embeddings need audio_embeds; got ${Object.keys(tensors).join(', ') || 'nothing'}.`)
  }
  const { data, shape } = embeds
  const tokens = shape.at(-2) ?? 0
  if (shape.length < 2 || shape.length > 3 || shape.at(-1) !== hidden || data.length === 0) {
    throw invalidRequestError(`audio_embeds has shape [${shape}]; expected [tokens, ${hidden}] or [clips, tokens, ${hidden}].`)
  }
  return Array.from({ length: data.length / (tokens * hidden) }, (_, i) => {
    const rows = Float32Array.from(data.subarray(i * tokens * hidden, (i + 1) * tokens * hidden))
    return { kind, grid: [tokens], tokens, inputs: { embeds: { data: rows, shape: [tokens, hidden] } } }
  })
}

/** Pictures and clips of pictures never get this far: the engine asks which kinds a model takes. */
export function refuseKind(): never {
  throw invalidRequestError('This model takes audio only.')
}

/**
 * Puts as many tokens as a clip has embeddings in place of each `<|audio|>`; the text between is tokenized piece by piece. In prompts
 * given as ids `<|reserved_special_token_0|>` stands for a clip. Errors: InvalidRequestError when placeholders and clips differ in number.
 */
export function expandPrompt(
  config: UltravoxConfig,
  prompt: string | readonly number[],
  encode: Encode,
  media: PreparedByKind,
): ExpandedPrompt {
  const clips = media.audio ?? []
  const [token = 0, ...others] = encode(RUN_TOKEN, false)
  // Another vocabulary has no such token; what the embeddings are written over never matters.
  const run = others.length === 0 ? token : (config.endTokens[0] ?? 0)
  if (typeof prompt !== 'string') return expandPlaceholders(prompt, [{ kind: 'audio', token: run, example: RUN_TOKEN }], media)
  const pieces = prompt.split(AUDIO)
  if (pieces.length - 1 !== clips.length) {
    throw invalidRequestError(
      `The prompt has ${pieces.length - 1} audio placeholder(s) but multi_modal_data has ${clips.length} audio(s); give one ${AUDIO} per clip, or use chat messages.`,
    )
  }
  const tokenIds: number[] = []
  const spans: ExpandedPrompt['spans'][number][] = []
  for (const [item, piece] of pieces.entries()) {
    // One at a time: a long text has more tokens than a call can have arguments.
    for (const id of encode(piece, item === 0)) tokenIds.push(id)
    const length = clips[item]?.tokens
    if (length === undefined) continue
    spans.push({ kind: 'audio', item, offset: tokenIds.length, length })
    for (let k = 0; k < length; k++) tokenIds.push(run)
  }
  return { tokenIds, spans }
}
