import { modelLoadError } from '../util/errors.ts'

/** How one family's tensors are named. */
interface NameRules {
  /** Start of a name in memory of newer transformers versions (and in what they save) → start in the original Hub files. First match wins. */
  readonly prefixes: readonly (readonly [from: string, to: string])[]
  /** Original names of tensors that the family has no use for. */
  readonly unused: readonly RegExp[]
  /** Original name of the head, unused when the embedding serves as one. */
  readonly head: string
}

/** Buffers that old checkpoints hold and that are computed anew. */
const BUFFERS = [/\.rotary_emb\.inv_freq$/, /\.embeddings\.position_ids$/]

/** By config.json's model_type. A family that is not here keeps its names, and only the common buffers are unused. */
const RULES: Readonly<Record<string, NameRules>> = {
  llava: {
    prefixes: [
      ['model.language_model.', 'language_model.model.'],
      ['lm_head.', 'language_model.lm_head.'],
      // CLIP's own `vision_model` level is gone in the newest versions.
      ['model.vision_tower.vision_model.', 'vision_tower.vision_model.'],
      ['model.vision_tower.', 'vision_tower.vision_model.'],
      ['model.multi_modal_projector.', 'multi_modal_projector.'],
    ],
    unused: BUFFERS,
    head: 'language_model.lm_head.weight',
  },
  minicpmv: {
    // Two matrices of the resampler are parameters of their own, without `.weight` at the end.
    prefixes: [
      ['resampler.attn.in_proj_', 'resampler.attn.in_proj.'],
      ['resampler.proj', 'resampler.proj.weight'],
    ],
    unused: BUFFERS,
    head: 'llm.lm_head.weight',
  },
  qwen2_vl: {
    prefixes: [
      ['model.language_model.', 'model.'],
      ['model.visual.', 'visual.'],
    ],
    unused: BUFFERS,
    head: 'lm_head.weight',
  },
  ultravox: {
    prefixes: [
      ['model.language_model.', 'language_model.model.'],
      ['lm_head.', 'language_model.lm_head.'],
      ['model.audio_tower.', 'audio_tower.'],
      ['model.multi_modal_projector.', 'multi_modal_projector.'],
      // Whisper's own files, whole or without its head.
      ['audio_tower.model.encoder.', 'audio_tower.'],
      ['audio_tower.encoder.', 'audio_tower.'],
    ],
    unused: [...BUFFERS, /^audio_tower\.((model\.)?decoder|proj_out)\./],
    head: 'language_model.lm_head.weight',
  },
}

const NO_RULES: NameRules = { prefixes: [], unused: BUFFERS, head: 'lm_head.weight' }

const rulesOf = (modelType: string): NameRules => (Object.hasOwn(RULES, modelType) ? (RULES[modelType] as NameRules) : NO_RULES)

/** The original Hub name of a tensor that may have a newer one. */
export function canonicalName(modelType: string, name: string): string {
  for (const [from, to] of rulesOf(modelType).prefixes) if (name.startsWith(from)) return to + name.slice(from.length)
  return name
}

/**
 * Original name → name in the checkpoint, for all its tensors.
 * Errors: ModelLoadError when two tensors come to the same name.
 */
export function canonicalNames(modelType: string, names: Iterable<string>): Map<string, string> {
  const stored = new Map<string, string>()
  for (const name of names) {
    const canonical = canonicalName(modelType, name)
    const other = stored.get(canonical)
    if (other !== undefined)
      throw modelLoadError(`The checkpoint has tensor '${canonical}' twice, as '${other}' and as '${name}'; it must have it once.`)
    stored.set(canonical, name)
  }
  return stored
}

/** Whether a tensor (original name) may be left unread: computed buffers, and the head if it is tied to the embedding. */
export function isUnused(modelType: string, name: string, tiedHead: boolean): boolean {
  const { unused, head } = rulesOf(modelType)
  return (tiedHead && name === head) || unused.some((pattern) => pattern.test(name))
}
