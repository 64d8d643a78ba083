import { messageOf } from '../util/errors.ts'
import { joinBytes } from '../util/join-bytes.ts'
import { showValue } from '../util/show-value.ts'
import { refusal } from './errors.ts'

/** Whether a content type is JSON's. Pages of other origins cannot send it without being allowed to. */
export const isJson = (type: string | null | undefined): boolean => type?.split(';')[0]?.trim().toLowerCase() === 'application/json'

/**
 * The JSON object of a request's body. Errors: InvalidRequestError for another content type, a body that is none, no JSON or no object;
 * 413 past `maxBytes`, which is noticed while the body arrives.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<Readonly<Record<string, unknown>>> {
  const type = request.headers.get('content-type')
  if (!isJson(type)) throw refusal(`The content-type is ${showValue(type)}; it must be application/json.`)
  const bytes = await readBytes(request, maxBytes)
  if (bytes.length === 0) throw refusal('The request has no body; send a JSON object.')
  let body: unknown
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw refusal(`The body is not JSON: ${messageOf(error)}.`)
  }
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Readonly<Record<string, unknown>>
  throw refusal(`The body must be a JSON object, got ${showValue(body)}.`)
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = (): Error => {
    const words = `The body has more than ${maxBytes} bytes; send media as URLs, or fewer of them.`
    return refusal(words, { status: 413, code: 'media_too_large' })
  }
  if (Number(request.headers.get('content-length')) > maxBytes) throw tooLarge()
  // Firefox has no stream of a request.
  if (!request.body) {
    const bytes = new Uint8Array(await request.arrayBuffer())
    if (bytes.length > maxBytes) throw tooLarge()
    return bytes
  }
  const pieces: Uint8Array[] = []
  let length = 0
  const reader = request.body.getReader()
  const cancel = (): void => void reader.cancel(request.signal.reason).catch(() => {})
  // As fetch does: whoever writes the body is told that nobody reads it.
  request.signal.addEventListener('abort', cancel)
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      length += next.value.length
      if (length > maxBytes) throw tooLarge()
      pieces.push(next.value)
    }
  } catch (error) {
    cancel()
    throw error
  } finally {
    request.signal.removeEventListener('abort', cancel)
  }
  return joinBytes(pieces, length)
}
