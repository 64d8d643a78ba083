import type { AnyFamily, ModelPart } from '../models/family.ts'
import { modelLoadError } from '../util/errors.ts'
import { type Checkpoint, openCheckpoint } from '../weights/checkpoint.ts'
import { isHubId } from '../weights/hub-source.ts'
import { joinCheckpoints } from '../weights/join-checkpoints.ts'
import { type ModelSource, subfolder } from '../weights/model-source.ts'

type Json = Readonly<Record<string, unknown>>

/** Where parts are looked for. */
export interface PartPlaces {
  /** The model's own folder. */
  readonly source: ModelSource
  /** Opens a Hub id. */
  readonly openId: (id: string) => ModelSource
  readonly signal: AbortSignal
}

/**
 * A model's config.json and checkpoint with those of the parts that it names by id. A part is left alone when config and tensors of it are
 * there already; else it is a folder inside the model's own, or a repository. Errors: ModelLoadError.
 */
export async function joinParts(
  family: AnyFamily,
  config: Json,
  checkpoint: Checkpoint,
  places: PartPlaces,
): Promise<{ config: Json; checkpoint: Checkpoint }> {
  const names = [...checkpoint.tensors.keys()]
  const isThere = (prefix: string): boolean => names.some((name) => name.startsWith(prefix) || name.startsWith(`model.${prefix}`))
  let whole = config
  const opened: { prefix: string; folder: string; checkpoint: Checkpoint }[] = []
  for (const part of family.parts?.(config) ?? []) {
    const { configKey, prefix } = part
    const tensorsThere = isThere(prefix)
    if (tensorsThere && hasFields(config[configKey])) continue
    const { source, folder } = await placeOf(part, places)
    // A config that stands in the model's own says only what differs.
    const partConfig = await source.json('config.json')
    whole = { ...whole, [configKey]: { ...(partConfig as Json), ...(config[configKey] as Json | undefined) } }
    if (!tensorsThere) opened.push({ prefix, folder, checkpoint: await openCheckpoint(source, places.signal) })
  }
  return {
    config: whole,
    checkpoint: opened.length === 0 ? checkpoint : joinCheckpoints([{ prefix: '', folder: '', checkpoint }, ...opened]),
  }
}

const hasFields = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length > 0

async function placeOf({ id, configKey }: ModelPart, { source, openId }: PartPlaces): Promise<{ source: ModelSource; folder: string }> {
  const own = subfolder(source, id)
  // Files inside the model's folder are told with their whole path as it is.
  if (await own.exists('config.json')) return { source: own, folder: '' }
  if (isHubId(id)) return { source: openId(id), folder: id }
  throw modelLoadError(
    `config.json names ${JSON.stringify(id)} for its ${configKey}, which is neither a folder of ${source.name} with a config.json nor a Hub id.`,
  )
}
