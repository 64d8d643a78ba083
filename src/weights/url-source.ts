import { messageOf, modelLoadError } from '../util/errors.ts'
import { httpSource } from './http-source.ts'
import type { Transport } from './http-transport.ts'
import type { ModelSource } from './model-source.ts'

/**
 * A folder behind a URL, relative to `base` (default: the page's or worker's own address). Its query string goes to every file.
 * Errors: ModelLoadError for an address that is none, or not of http(s).
 */
export function urlSource(address: string | URL, base: string | URL | undefined, transport: Transport): ModelSource {
  const folder = folderUrl(address, base)
  return httpSource(
    {
      name: folder.href,
      place: folder.href,
      urlOf: (path) => childUrl(folder, path),
      headers: {},
      onAnswer: () => undefined,
      refusal(path, { status }) {
        // Object stores answer 403 for what is not there, to those who may not list.
        if (status === 404 || status === 410 || status === 403) return 'missing'
        const advice = status === 401 ? 'It asks for a login, which cannot be given here.' : 'Check the address and the server.'
        return modelLoadError(`${childUrl(folder, path)}: the server answered ${status}. ${advice}`)
      },
    },
    transport,
  )
}

function folderUrl(address: string | URL, base: string | URL | undefined): URL {
  const start = base ?? (globalThis as { location?: { href: string } }).location?.href
  let url: URL
  try {
    url = new URL(address, start)
  } catch (error) {
    throw modelLoadError(
      `'${address}' is no address of a model folder (${messageOf(error)}); give an absolute URL, or a base to start from.`,
    )
  }
  if (url.protocol === 'blob:')
    throw modelLoadError(`'${address}' is the address of one blob, but a model is a folder; pass its File objects instead.`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw modelLoadError(
      `'${url}' cannot be loaded; allowed are http: and https: addresses, a Hub id such as 'Qwen/Qwen2-VL-2B-Instruct', files and folders.`,
    )
  }
  return url
}

function childUrl(folder: URL, path: string): string {
  const url = new URL(folder)
  url.hash = ''
  url.pathname = `${folder.pathname.replace(/\/+$/, '')}/${path.split('/').map(encodeURIComponent).join('/')}`
  return url.href
}
