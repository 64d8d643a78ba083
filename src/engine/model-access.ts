import { type CacheRoot, openCacheRoot } from '../cache/cache-root.ts'
import { canWriteFiles } from '../cache/sync-file.ts'
import { CachedSource } from '../weights/cached-source.ts'
import type { ModelSource } from '../weights/model-source.ts'
import { type ModelLocation, openSource, type SourceOptions } from '../weights/source.ts'
import type { CheckedOptions } from './config.ts'
import type { WeightKeeping } from './weight-stream.ts'

/** A model's folders, and what is kept of them for the next visit. */
export interface ModelAccess {
  readonly source: ModelSource
  /** Opens the repository of a part. */
  readonly openId: (id: string) => ModelSource
  /** Undefined: converted weights are not kept. */
  readonly keeping: Omit<WeightKeeping, 'model' | 'recipe'> | undefined
  /** Keeps what has been read of the folders; once everything has been. */
  save(): Promise<void>
}

/** How long a server may take to say whether a kept model is still the same, in milliseconds; then the model is taken as it is. */
const PROBE_PATIENCE = 5000

/** What is used in place of the platform's own. */
export interface AccessEnvironment {
  readonly fetch?: SourceOptions['fetch']
  readonly wait?: SourceOptions['wait']
  readonly cacheRoot?: CacheRoot
}

/** Opens a model's folder as the options say. Errors: ModelLoadError for a location of no known kind. */
export async function openModel(options: CheckedOptions, signal: AbortSignal, environment: AccessEnvironment = {}): Promise<ModelAccess> {
  const { cache = true } = options
  const root = cache === false ? undefined : (environment.cacheRoot ?? (canWriteFiles() ? await openCacheRoot() : undefined))
  const access = { token: options.hf_token, signal, fetch: environment.fetch, wait: environment.wait }
  const kept: CachedSource[] = []
  // Filled as sources are opened, and looked at when there is something to be evicted.
  const keep: string[] = []
  const open = (model: ModelLocation, revision?: string): ModelSource => {
    const source = openSource(model, { ...access, revision })
    if (!root || cache !== true || source.place === undefined) return source
    const probe = openSource(model, { ...access, revision, tries: 0, idleMilliseconds: PROBE_PATIENCE })
    const wrapped = new CachedSource(root, source, probe, signal)
    kept.push(wrapped)
    void wrapped.key.then((key) => keep.push(key))
    return wrapped
  }
  const source = open(options.model as ModelLocation, options.revision)
  const warn = (why: string): void => console.warn(`${source.name} is not kept for the next visit: ${why}.`)
  return {
    source,
    openId: (id) => open(id),
    keeping: root && { root, maxBytes: options.max_cache_bytes, keep, warn },
    save: async () => {
      await Promise.all(kept.map((each) => each.save()))
    },
  }
}
