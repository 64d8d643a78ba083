import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')

/** The built package, which these tests run against; `npm run test:e2e` builds it. */
export const dist = process.env['OCELLUS_TEST_DIST'] ?? join(root, 'dist')
export const cli = join(dist, 'cli.js')
export const pictures = join(root, 'demo/pictures')
/** A model of random weights, small enough for any machine, with answers known from PyTorch. */
export const randomModel = join(root, 'test/goldens/qwen2_vl/checkpoint')
/** Another, of a family that makes no embeddings. */
export const generatingModel = join(root, 'test/goldens/llava/checkpoint')
/** Another, made for embeddings. */
export const embeddingModel = join(root, 'test/goldens/dse_qwen2/checkpoint')
export const goldenImages = join(root, 'test/goldens/inputs/images')
/** The model that comes with the package. */
export const embeddedModel = process.env['OCELLUS_TEST_MODEL'] ?? join(root, 'public/models/ocellus-tiny-vl')

if (!existsSync(cli)) throw new Error(`${cli} is missing; run npm run build first.`)
