import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where things lie. */
export interface Places {
  /** The repository. */
  readonly root: string
  /** The folder whose node_modules has the peers' packages. */
  readonly peers: string
  /** The bundled scripts. */
  readonly bundle: string
}

/** An installed package. */
export interface PeerPackage {
  readonly folder: string
  readonly version: string
}

/** The packages that are measured, by their names here. */
export const PACKAGES = {
  ort: 'onnxruntime-web',
  wllama: '@wllama/wllama',
  native: '@fugood/llama.node',
  transformers: '@huggingface/transformers',
} as const
export type PeerId = keyof typeof PACKAGES

/** Finds a peer's package. Errors: it is not installed, and how it would be. */
export function findPackage({ peers }: Places, peer: PeerId): PeerPackage {
  const folder = join(peers, 'node_modules', PACKAGES[peer])
  const file = join(folder, 'package.json')
  if (existsSync(file)) return { folder, version: (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version }
  throw new Error(`${PACKAGES[peer]} is not in ${join(peers, 'node_modules')}; run: npm ci --prefix test/bench/peers`)
}

/** Whether the package is there. */
export const isInstalled = ({ peers }: Places, peer: PeerId): boolean =>
  existsSync(join(peers, 'node_modules', PACKAGES[peer], 'package.json'))

/** The folder of the onnxruntime-web that transformers.js comes with. */
export function transformersOrt(places: Places): string {
  const own = join(findPackage(places, 'transformers').folder, 'node_modules/onnxruntime-web/dist')
  return existsSync(own) ? own : join(findPackage(places, 'ort').folder, 'dist')
}
