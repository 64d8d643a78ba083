import { modelLoadError } from '../util/errors.ts'
import type { AnyFamily } from './family.ts'
import { llava } from './llava.ts'
import { minicpmv } from './minicpmv.ts'
import { phi3V } from './phi3-v.ts'
import { qwen2Vl } from './qwen2-vl.ts'
import { ultravox } from './ultravox.ts'

/** Every model family, and the only list of them. */
const FAMILIES: readonly AnyFamily[] = [llava, minicpmv, phi3V, qwen2Vl, ultravox]

/** The family for a config.json's model_type. Errors: ModelLoadError listing the supported ones. */
export function findFamily(modelType: unknown): AnyFamily {
  const family = FAMILIES.find((candidate) => candidate.modelTypes.includes(String(modelType)))
  if (family) return family
  const known = FAMILIES.flatMap((candidate) => candidate.modelTypes).join(', ')
  throw modelLoadError(`config.json says model_type ${JSON.stringify(modelType)}; supported are: ${known}.`)
}
