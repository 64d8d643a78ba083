import { extname } from 'node:path'
import type { Modality } from '../src/protocol/media.ts'

const EXTENSIONS: Readonly<Record<Exclude<Modality, 'image'>, readonly string[]>> = {
  audio: ['.wav', '.mp3', '.flac', '.ogg', '.oga', '.opus', '.m4a', '.aac', '.weba'],
  video: ['.mp4', '.m4v', '.mov', '.webm', '.mkv', '.mts', '.m2ts'],
}

/** What a file or address holds, by its ending or, for `data:` URLs, its type; a picture where neither tells. */
export function kindOf(place: string): Modality {
  if (/^data:/i.test(place)) return (/^data:(audio|video)\//i.exec(place)?.[1]?.toLowerCase() as Modality | undefined) ?? 'image'
  const path = /^https?:/i.test(place) && URL.canParse(place) ? new URL(place).pathname : place
  const extension = extname(path).toLowerCase()
  if (EXTENSIONS.audio.includes(extension)) return 'audio'
  return EXTENSIONS.video.includes(extension) ? 'video' : 'image'
}
