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
  qwen2_vl: {
    prefixes: [
      ['model.language_model.', 'model.'],
      ['model.visual.', 'visual.'],
    ],
    unused: BUFFERS,
    head: 'lm_head.weight',
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
