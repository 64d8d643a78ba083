import { messageOf } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import { refusal } from './errors.ts'

/**
 * The JSON object of a request's body. Errors: InvalidRequestError for another content type, a body that is none, no JSON or no object;
 * 413 past `maxBytes`, which is noticed while the body arrives.
 */
export async function readJsonBody(request: Request, maxBytes: number): Promise<Readonly<Record<string, unknown>>> {
  const type = request.headers.get('content-type')
  // Pages of other origins cannot send this type without being allowed to.
  if (type?.split(';')[0]?.trim().toLowerCase() !== 'application/json')
    throw refusal(`The content-type is ${showValue(type)}; it must be application/json.`)
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
    return refusal(words, { status: 413, code: 'request_too_large' })
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
  for (const reader = request.body.getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > maxBytes) {
      void reader.cancel().catch(() => {})
      throw tooLarge()
    }
    pieces.push(value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
