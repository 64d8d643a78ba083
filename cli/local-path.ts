import { realpathSync, statSync } from 'node:fs'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { invalidRequest } from './named-errors.ts'

/**
 * The real path of a file that a request names by a file: URL. It must lie strictly below `root`, links followed. Errors:
 * InvalidRequestError, the same for a file outside as for one that is not there.
 */
export function allowedLocalPath(url: string, root: string | undefined): string {
  if (root === undefined) throw invalidRequest(`${url} is a local file; local files are read only with --allowed-local-media-path DIR.`)
  const top = realpathSync(root)
  let path: string
  try {
    path = realpathSync(fileURLToPath(url))
  } catch {
    throw invalidRequest(`${url} is no file below --allowed-local-media-path ${root}.`)
  }
  if (!path.startsWith(top.endsWith(sep) ? top : top + sep) || !statSync(path).isFile()) {
    throw invalidRequest(`${url} is no file below --allowed-local-media-path ${root}.`)
  }
  return path
}
