// Asks a model the questions of an evaluation set through the command line's batch runner, and prints how many answers are right:
//   node scripts/evaluate-model.mjs FOLDER [--model M] [--limit N] [--out FILE] [-- FLAGS FOR run-batch …]
// FOLDER holds questions.jsonl (make_eval.py in scripts/train or scripts/train/audio): one {id, row, images | frames | audio, question,
// answer} a line, pictures and clips beside it. An answer is right if it is the expected one to the letter; for lines with kind "transcribe"
// the word error rate is given too. --limit takes the first N questions of each row.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { answerBatch, readArguments, readLines } from './answer-batch.mjs'

/** @typedef {{ id: string, row: string, kind?: string, images?: string[], frames?: string[], audio?: string, question: string, answer: string }} Question */

const { folder, values, passed } = readArguments(['model', 'limit', 'out'])

/** @type {Question[]} */
const all = readLines(join(folder, 'questions.jsonl'))
const rows = [...new Set(all.map((question) => question.row))]
const limit = values.limit ? Number(values.limit) : Number.POSITIVE_INFINITY
const questions = rows.flatMap((row) => all.filter((question) => question.row === row).slice(0, limit))

/** @param {string} file */
const url = (file) => pathToFileURL(join(folder, file)).href

/** @param {Question} question */
function requestOf({ id, images = [], frames, audio, question }) {
  const pictures = frames
    ? [{ type: 'video', video: frames.map(url) }]
    : images.map((file) => ({ type: 'image_url', image_url: { url: url(file) } }))
  const sounds = audio ? [{ type: 'audio_url', audio_url: { url: url(audio) } }] : []
  const content = [...pictures, ...sounds, { type: 'text', text: question }]
  return { custom_id: id, url: '/v1/chat/completions', body: { messages: [{ role: 'user', content }], temperature: 0, max_tokens: 96 } }
}

const flags = [...(values.model ? ['--model', values.model] : []), ...passed]
const { answers, output, seconds } = answerBatch(questions.map(requestOf), { folder, output: values.out, flags })
/** @param {Question} question */
const answerOf = (question) => answers.get(question.id)?.choices?.[0]?.message?.content

/** Words in small letters, without punctuation. @param {string} text */
const wordsOf = (text) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9' ]/g, '')
    .split(/\s+/)
    .filter(Boolean)

/** Words to insert, remove or replace to turn one text into the other. @param {string[]} from @param {string[]} to */
function wordEdits(from, to) {
  let row = to.map((_, j) => j + 1)
  for (const [i, word] of from.entries()) {
    let [left, diagonal] = [i + 1, i]
    row = row.map((above, j) => {
      left = Math.min(above + 1, left + 1, diagonal + Number(word !== to[j]))
      diagonal = above
      return left
    })
  }
  return row.at(-1) ?? from.length
}

/** Percent of wrong words in a row's transcripts, or ''. @param {Question[]} asked */
function wordErrors(asked) {
  const pairs = asked
    .filter(({ kind }) => kind === 'transcribe')
    .map((question) => [wordsOf(question.answer), wordsOf(answerOf(question) ?? '')])
  const words = pairs.reduce((sum, [said = []]) => sum + said.length, 0)
  const wrong = pairs.reduce((sum, [said = [], heard = []]) => sum + wordEdits(heard, said), 0)
  return words ? `${((100 * wrong) / words).toFixed(1)} % of ${words}` : ''
}

const spoken = questions.some(({ kind }) => kind === 'transcribe')
console.log(spoken ? '| row | questions | right | wrong words |\n|---|---|---|---|' : '| row | questions | right |\n|---|---|---|')
for (const row of rows) {
  const asked = questions.filter((question) => question.row === row)
  const right = asked.filter((question) => answerOf(question) === question.answer).length
  const errors = spoken ? ` ${wordErrors(asked)} |` : ''
  console.log(`| ${row} | ${asked.length} | ${((100 * right) / asked.length).toFixed(1)} % |${errors}`)
}
const missing = questions.filter((question) => typeof answerOf(question) !== 'string').length
console.log(`\n${questions.length} questions in ${seconds.toFixed(0)} s; ${missing} without an answer. Answers: ${output}`)
for (const question of questions.filter((question) => answerOf(question) !== question.answer).slice(0, 30)) {
  console.log(
    `${question.id} ${question.row}: ${JSON.stringify(question.question)} → ${JSON.stringify(answerOf(question))}, expected ${JSON.stringify(question.answer)}`,
  )
}
