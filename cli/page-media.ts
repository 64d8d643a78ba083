import type { ChatMessage } from '../src/index.ts'
import { type FetchPolicy, fetchMedia } from './fetch-media.ts'
import type { FileServer } from './file-server.ts'
import { allowedLocalPath, invalidRequest } from './local-path.ts'

/** Which addresses a request's pictures may have. */
export interface MediaPolicy extends FetchPolicy {
  /** Folder below which file: URLs may point. */
  localRoot?: string | undefined
}

/** Messages whose pictures the page can fetch, and the way to forget those pictures. */
export interface ServedMessages {
  messages: ChatMessage[]
  release(): void
}

/**
 * Gives every picture of a conversation an address that the page can read: local files and remote pictures go through our server, data
 * URLs stay. What is not a picture's address is left for the library to judge. Errors: InvalidRequestError, MediaError.
 */
export async function serveMedia(messages: readonly ChatMessage[], server: FileServer, policy: MediaPolicy): Promise<ServedMessages> {
  const served: string[] = []
  const release = (): void => {
    for (const url of served) server.withdraw(url)
  }
  const serve = async (url: string): Promise<string> => {
    const address = await pageAddress(url, server, policy)
    served.push(address)
    return address
  }
  try {
    const converted = await Promise.all(messages.map((message) => serveMessage(message, serve)))
    return { messages: converted, release }
  } catch (error) {
    release()
    throw error
  }
}

async function pageAddress(url: string, server: FileServer, policy: MediaPolicy): Promise<string> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  if (scheme === 'data') return url
  if (scheme === 'file') return server.publish(allowedLocalPath(url, policy.localRoot))
  if (scheme === 'http' || scheme === 'https') {
    if (!URL.canParse(url)) throw invalidRequest(`'${url.slice(0, 100)}' is no valid URL.`)
    return server.publish(await fetchMedia(url, policy))
  }
  throw invalidRequest(
    `'${url.slice(0, 100)}' is no address of a picture; use http:, https:, data: or, with --allowed-local-media-path, file:.`,
  )
}

type Serve = (url: string) => Promise<string>

async function serveMessage(message: ChatMessage, serve: Serve): Promise<ChatMessage> {
  if (!Array.isArray(message?.content)) return message
  return { ...message, content: await Promise.all(message.content.map((part) => servePart(part, serve))) }
}

type Part = Exclude<ChatMessage['content'], string>[number]

async function servePart(part: Part, serve: Serve): Promise<Part> {
  if (part?.type === 'image_url' && typeof part.image_url?.url === 'string') {
    return { ...part, image_url: { ...part.image_url, url: await serve(part.image_url.url) } }
  }
  if (part?.type === 'image' && typeof part.image === 'string') return { ...part, image: await serve(part.image) }
  if (part?.type === 'video') {
    if (!Array.isArray(part.video) || !part.video.every((frame) => typeof frame === 'string')) {
      throw invalidRequest("A part of type 'video' needs video: a list of addresses of its frames, in order.")
    }
    return { ...part, video: await Promise.all(part.video.map((frame) => serve(String(frame)))) }
  }
  return part
}
