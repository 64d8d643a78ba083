import { modelLoadError } from '../util/errors.ts'

/** Most shards a checkpoint may have. */
export const MAX_SHARDS = 1000

/** Tensor name → shard file name, as model.safetensors.index.json gives it. */
export type WeightMap = ReadonlyMap<string, string>

/** Checks the parsed index of a sharded checkpoint. Errors: ModelLoadError naming the file and the entry. */
export function parseShardIndex(path: string, index: unknown): WeightMap {
  const fail = (reason: string) => modelLoadError(`${path} is not a valid shard index: ${reason}`)
  const map = isRecord(index) ? index['weight_map'] : undefined
  if (!isRecord(map)) throw fail("it has no object 'weight_map'")
  const weightMap = new Map<string, string>()
  const shards = new Set<string>()
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== 'string') throw fail(`the shard of '${tensor}' is ${JSON.stringify(shard)}, not a file name`)
    if (!isShardName(shard)) {
      throw fail(
        `the shard of '${tensor}' is ${JSON.stringify(shard)}; allowed are plain names ending in .safetensors, without '/', '\\' or '..'`,
      )
    }
    weightMap.set(tensor, shard)
    shards.add(shard)
    if (shards.size > MAX_SHARDS) throw fail(`it lists more than ${MAX_SHARDS} shards`)
  }
  if (weightMap.size === 0) throw fail('its weight_map is empty')
  return weightMap
}

/**
 * Checks that index and shard headers tell the same: each tensor is in the shard that the index names and in no other.
 * Errors: ModelLoadError with the first differences.
 */
export function checkAgreement(path: string, weightMap: WeightMap, headers: ReadonlyMap<string, Iterable<string>>): void {
  const differences: string[] = []
  const found = new Set<string>()
  for (const [shard, names] of headers) {
    for (const name of names) {
      const listed = weightMap.get(name)
      if (listed === shard) found.add(name)
      else
        differences.push(
          listed === undefined ? `'${name}' is in ${shard} but not in the index` : `'${name}' is in ${shard}, the index says ${listed}`,
        )
    }
  }
  for (const [name, shard] of weightMap) if (!found.has(name)) differences.push(`'${name}' is not in ${shard}`)
  if (differences.length === 0) return
  const more = differences.length > 5 ? ` and ${differences.length - 5} more` : ''
  throw modelLoadError(`${path} and the shards disagree: ${differences.slice(0, 5).join('; ')}${more}. Are all files of the same download?`)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const isShardName = (name: string): boolean => name.endsWith('.safetensors') && !/[/\\\u0000-\u001f\u007f]|\.\./.test(name)

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
