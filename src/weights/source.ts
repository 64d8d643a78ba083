import { modelLoadError } from '../util/errors.ts'
import { directorySource, filesSource } from './files-source.ts'
import { sleep, type Transport } from './http-transport.ts'
import { hubSource, isHubId } from './hub-source.ts'
import type { ModelSource } from './model-source.ts'
import { urlSource } from './url-source.ts'

export type { ModelSource, SourceFile } from './model-source.ts'

/** Where a model comes from: a Hub id, the URL of a folder, files, or a folder's handle. */
export type ModelLocation = string | URL | ArrayLike<File> | FileSystemDirectoryHandle

/** How a model is fetched. */
export interface SourceOptions {
  /** Hub branch, tag or commit. Default 'main'. */
  readonly revision?: string | undefined
  /** Hub access token; sent to the Hub's origin only. */
  readonly token?: string | undefined
  /** The Hub or a mirror of it. Default 'https://huggingface.co'. */
  readonly endpoint?: string | undefined
  /** What a relative URL is relative to. Default: globalThis.location, which in a worker is the worker's script. */
  readonly base?: string | URL | undefined
  /** Default: the global fetch. */
  readonly fetch?: Transport['fetch'] | undefined
  /** Ends every read from the source. */
  readonly signal?: AbortSignal | undefined
  /** Pause between tries; for tests. */
  readonly wait?: Transport['wait'] | undefined
  /** Silence after which a request is given up and made again. Default 60 000. */
  readonly idleMilliseconds?: number | undefined
  /** Tries of a request beyond the first. Default 5; 2 for a server that has never answered. */
  readonly tries?: number | undefined
}

/**
 * Opens the folder that holds a model, without reading anything yet. A string that starts with http:, https:, blob:, /, ./ or ../ is a
 * URL; any other is a Hub id. Errors: ModelLoadError for a location of no known kind.
 */
export function openSource(model: ModelLocation, options: SourceOptions = {}): ModelSource {
  const { signal } = options
  const transport: Transport = {
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    signal,
    wait: options.wait ?? sleep,
    idleMilliseconds: options.idleMilliseconds ?? 60_000,
    tries: options.tries,
  }
  if (model instanceof URL || (typeof model === 'string' && /^(https?:|blob:|\/|\.\.?(\/|$))/i.test(model))) {
    return urlSource(model, options.base, transport)
  }
  if (typeof model === 'string') {
    if (isHubId(model)) return hubSource({ ...options, id: model }, transport)
    throw modelLoadError(
      `'${model}' names no model; give a Hub id such as 'Qwen/Qwen2-VL-2B-Instruct', a URL (https://…, /…, ./…), File objects or a folder handle.`,
    )
  }
  if ('kind' in model && model.kind === 'directory') return directorySource(model as FileSystemDirectoryHandle, signal)
  if ('length' in model && model.length > 0) return filesSource(model, signal)
  throw modelLoadError('The list of model files is empty; give all files of the model folder, or a folder handle.')
}
