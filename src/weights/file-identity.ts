import { sha256Hex } from '../util/sha256.ts'
import type { SourceFile } from './model-source.ts'

/** Bytes read at each of the places below. */
const SAMPLE_BYTES = 16_384
/** Places as parts of the file, the end beside. */
const SAMPLE_PLACES = [1 / 3, 2 / 3]

/**
 * Text that is the same as long as a file's content is: what its source knows of it, or else its version with a sample of its bytes, because
 * versions made of size and date are the same for two trainings of one model packed with the same date. Undefined where there is no version,
 * or no reading of parts.
 */
export async function identityOf(file: SourceFile, signal?: AbortSignal): Promise<string | undefined> {
  if (file.identity !== undefined) return file.identity
  if (file.version === undefined || !file.ranged) return undefined
  return `${file.name} ${file.size} ${file.version} ${await sampleOf(file, signal)}`
}

async function sampleOf(file: SourceFile, signal: AbortSignal | undefined): Promise<string> {
  const last = Math.max(file.size - SAMPLE_BYTES, 0)
  const places = [...SAMPLE_PLACES.map((part) => Math.min(Math.floor(part * file.size), last)), last]
  const samples = await Promise.all(places.map((at) => file.read(at, Math.min(at + SAMPLE_BYTES, file.size), signal)))
  const sums = await Promise.all(samples.map((sample) => sha256Hex(sample.slice())))
  return sha256Hex(new TextEncoder().encode(sums.join('')))
}
