import { modelLoadError } from '../util/errors.ts'
import type { AnyFamily } from './family.ts'
import { qwen2Vl } from './qwen2-vl.ts'

/** Every model family, and the only list of them. */
const FAMILIES: readonly AnyFamily[] = [qwen2Vl]

/** The family for a config.json's model_type. Errors: ModelLoadError listing the supported ones. */
export function findFamily(modelType: unknown): AnyFamily {
  const family = FAMILIES.find((candidate) => candidate.modelTypes.includes(String(modelType)))
  if (family) return family
  const known = FAMILIES.flatMap((candidate) => candidate.modelTypes).join(', ')
  throw modelLoadError(`config.json says model_type ${JSON.stringify(modelType)}; supported are: ${known}.`)
}
