import { logMel, WHISPER_HOP, WHISPER_RATE } from '../media/log-mel.ts'
import { resample } from '../media/resample.ts'
import { checkSoundSize, mixToMono, type Sound } from '../media/sound.ts'
import { invalidRequestError, mediaError } from '../util/errors.ts'
import type { Encode, ExpandedPrompt, HostArray, MediaKind, MediaSpan, PreparedByKind, PreparedMedia } from './family.ts'
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
 * A clip as Whisper hears it: mixed to one channel, resampled to 16 kHz, log-mel spectrogram of its own length (not padded to 30 s). The
 * encoder hears 30 s: longer clips give several items, 30 s and a rest, each encoded by itself, as Ultravox's later processors and vLLM have
 * it. Clips under 20 ms get silence after them. Errors: MediaError for odd rates, values that are not finite, and clips over 600 s.
 */
export function prepareAudio({ audio, stack }: UltravoxConfig, sound: Sound): PreparedMedia[] {
  const length = sound.channels[0]?.length ?? 0
  const rate = Math.round(sound.rate)
  if (length === 0) throw mediaError('The clip has no samples; give at least one.')
  if (!(rate >= RATES.min && rate <= RATES.max)) {
    throw mediaError(`The clip has a sampling rate of ${sound.rate} Hz; it must be from ${RATES.min} to ${RATES.max} Hz.`)
  }
  // Said before any work is done on it.
  checkSoundSize(length, 1, rate, 'The clip')
  const mono = mixToMono(sound)
  if (!mono.every(Number.isFinite)) throw mediaError('The clip has samples that are not finite; give numbers from -1 to 1.')
  const samples = padded(resample(mono, rate, WHISPER_RATE), 2 * WHISPER_HOP)
  const mel = logMel(samples, audio.bands)
  const [frames, most] = [mel.length / audio.bands, 2 * audio.positions]
  return Array.from({ length: Math.ceil(frames / most) }, (_, i) => {
    const count = Math.min(most, frames - i * most)
    const rows = Math.ceil(encodedRows(count) / stack)
    const tokens = frames > most ? rows : Math.min(rows, audioTokens(samples.length, stack))
    const data = mel.slice(i * most * audio.bands, (i * most + count) * audio.bands)
    const inputs = { mel: { data, shape: [count, audio.bands] } }
    return { kind: 'audio', grid: [count, tokens], tokens, inputs, ...(i > 0 && { continues: true as const }) }
  })
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

function runToken({ endTokens }: UltravoxConfig, encode: Encode): number {
  const [token = 0, ...others] = encode(RUN_TOKEN, false)
  // Another vocabulary has no such token; what the embeddings are written over never matters.
  return others.length === 0 ? token : (endTokens[0] ?? 0)
}

/** A text as expandPrompt encodes it, with one token where a clip's go. */
export function unexpandedIds(config: UltravoxConfig, text: string, encode: Encode): number[] {
  const run = runToken(config, encode)
  return text.split(AUDIO).flatMap((piece, i) => (i === 0 ? encode(piece, true) : [run, ...encode(piece, false)]))
}

/** The items of one clip: their numbers, and the tokens of all. */
interface Clip {
  readonly items: number[]
  tokens: number
}

/** Which items are one clip. */
function clipsOf(items: readonly PreparedMedia[]): Clip[] {
  const clips: Clip[] = []
  for (const [i, { tokens, continues }] of items.entries()) {
    const clip = continues ? clips.at(-1) : undefined
    if (clip) {
      clip.items.push(i)
      clip.tokens += tokens
    } else clips.push({ items: [i], tokens })
  }
  return clips
}

/** The places of a clip's items, one behind the other, in the place of the clip. */
function placesOf({ items }: Clip, offset: number, media: readonly PreparedMedia[]): MediaSpan[] {
  let at = offset
  return items.map((item) => {
    const length = media[item]?.tokens ?? 0
    at += length
    return { kind: 'audio', item, offset: at - length, length }
  })
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
  const items = media.audio ?? []
  const clips = clipsOf(items)
  const run = runToken(config, encode)
  if (typeof prompt !== 'string') {
    const whole = clips.map(({ tokens, items: [first = 0] }) => ({ ...(items[first] as PreparedMedia), tokens }))
    const { tokenIds, spans } = expandPlaceholders(prompt, [{ kind: 'audio', token: run, example: RUN_TOKEN }], { audio: whole })
    return { tokenIds, spans: spans.flatMap(({ item, offset }) => placesOf(clips[item] as Clip, offset, items)) }
  }
  const pieces = prompt.split(AUDIO)
  if (pieces.length - 1 !== clips.length) {
    throw invalidRequestError(
      `The prompt has ${pieces.length - 1} audio placeholder(s) but multi_modal_data has ${clips.length} audio(s); give one ${AUDIO} per clip, or use chat messages.`,
    )
  }
  const tokenIds: number[] = []
  const spans: MediaSpan[] = []
  for (const [i, piece] of pieces.entries()) {
    // One at a time: a long text has more tokens than a call can have arguments.
    for (const id of encode(piece, i === 0)) tokenIds.push(id)
    const clip = clips[i]
    if (!clip) continue
    spans.push(...placesOf(clip, tokenIds.length, items))
    for (let k = 0; k < clip.tokens; k++) tokenIds.push(run)
  }
  return { tokenIds, spans }
}
