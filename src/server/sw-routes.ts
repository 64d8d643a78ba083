/** What of a request says whether it is for us. */
export type RequestLine = Pick<Request, 'url' | 'method' | 'mode'>

const asked = /^(v1\/models(\/.+)?|health|version)$/
const told = /^(v1\/.+|tokenize|detokenize)$/

/**
 * Whether the service worker of `scope` answers a request: GET of the models, health and version below its scope, POST of the rest.
 * Everything else goes to the network as if there were no service worker; so does every navigation, so that no page of another origin can
 * open an answer in a window.
 */
export function isRouted({ url, method, mode }: RequestLine, scope: string): boolean {
  const { origin, pathname } = new URL(url)
  const base = new URL(scope)
  if (mode === 'navigate' || origin !== base.origin || !pathname.startsWith(base.pathname)) return false
  const path = pathname.slice(base.pathname.length)
  return method === 'GET' ? asked.test(path) : method === 'POST' && told.test(path) && !asked.test(path)
}
