// Embeds the scenes of galleries through the command line's batch runner, and prints recall at 1: how many queries find their picture first.
//   node scripts/evaluate-embeddings.mjs FOLDER [--model M] [--dimensions N] [--rows a,b] [--out FILE] [-- FLAGS FOR run-batch …]
// FOLDER holds galleries.json and its pictures (make_galleries.py in scripts/train/embed). Computed in float32 unless FLAGS say --dtype.
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { answerBatch, readArguments } from './answer-batch.mjs'

/** @typedef {{ picture: string, again?: string, kind: string, query: string, caption?: string, other_caption?: string, told_apart?: boolean }} Scene */
/** @typedef {{ row: string, scenes: Scene[] }} Gallery */
/** @typedef {'picture' | 'again' | 'query' | 'caption' | 'other_caption'} Field */

const DOCUMENT = 'What is shown in this image?'
const PICTURES = ['picture', 'again']
const TINY_EMBED = resolve(import.meta.dirname, '../public/models/ocellus-tiny-embed')

const { folder, values, passed } = readArguments(['model', 'dimensions', 'rows', 'out'])
/** @type {Gallery[]} */
const all = JSON.parse(readFileSync(join(folder, 'galleries.json'), 'utf8'))
const galleries = all.filter(({ row }) => !values.rows || values.rows.split(',').includes(row))

/** What is embedded of a gallery's scenes. @param {Gallery} gallery @returns {Field[]} */
const fieldsOf = ({ row }) => (row === 'fresh' ? ['picture', 'query', 'again', 'caption', 'other_caption'] : ['picture', 'query'])

/** @param {Gallery} gallery @param {number} g */
function requestsOf(gallery, g) {
  const shared = values.dimensions ? { dimensions: Number(values.dimensions) } : {}
  return fieldsOf(gallery).flatMap((field) =>
    gallery.scenes.map((scene, i) => {
      const given = scene[field] ?? ''
      const image = { type: 'image_url', image_url: { url: pathToFileURL(join(folder, given)).href } }
      const asked = PICTURES.includes(field)
        ? { messages: [{ role: 'user', content: [image, { type: 'text', text: DOCUMENT }] }] }
        : { input: given }
      return { custom_id: `${g} ${field} ${i}`, url: '/v1/embeddings', body: { ...asked, ...shared } }
    }),
  )
}

/** Which of `queries` find their own of `documents`, by the dot products of unit vectors. @param {number[][]} queries @param {number[][]} documents */
function recall(queries, documents) {
  const dot = (/** @type {number[]} */ a, /** @type {number[]} */ b) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
  return queries.map((query, i) => {
    const own = dot(query, documents[i] ?? [])
    return documents.every((document, j) => j === i || dot(query, document) <= own)
  })
}

const flags = ['--model', values.model ?? TINY_EMBED, '--task', 'embed', '--max-model-len', '256', '--dtype', 'float32', ...passed]
const { answers, output, seconds } = answerBatch(galleries.flatMap(requestsOf), { folder, output: values.out, flags })

/** @type {Map<string, boolean[]>} */
const table = new Map()
/** @param {string} row @param {boolean[]} found */
const add = (row, found) => table.set(row, [...(table.get(row) ?? []), ...found])

for (const [g, { row, scenes }] of galleries.entries()) {
  /** @param {Field} field @returns {number[][]} */
  const vectors = (field) =>
    scenes.map((_, i) => {
      const answer = answers.get(`${g} ${field} ${i}`)
      if (!answer?.data) throw new Error(`${field} ${i} of gallery ${g} has no vector: ${JSON.stringify(answer)}; see ${output}`)
      return answer.data[0].embedding
    })
  const [pictures, queries] = [vectors('picture'), vectors('query')]
  const found = recall(queries, pictures)
  add(row, found)
  if (row !== 'fresh') continue
  for (const [i, { kind }] of scenes.entries()) add(`of these, ${kind}`, found.slice(i, i + 1))
  add('picture finds query', recall(pictures, queries))
  add('picture finds picture', recall(vectors('again'), pictures))
  const texts = recall(vectors('caption'), vectors('other_caption'))
  add(
    'text finds text',
    texts.filter((_, i) => scenes[i]?.told_apart),
  )
}

console.log('| row | queries | found |\n|---|---|---|')
for (const [row, found] of table)
  console.log(`| ${row} | ${found.length} | ${((100 * found.filter(Boolean).length) / found.length).toFixed(1)} % |`)
console.log(`\n${answers.size} vectors in ${seconds.toFixed(0)} s: ${output}`)
