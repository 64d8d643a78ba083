import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ChatMessage, ChatPart, SamplingParams } from '../src/index.ts'
import type { Modality } from '../src/protocol/media.ts'
import { type EngineFlagValues, engineFlags, engineHelp, engineOptions } from './engine-flags.ts'
import { fetchMedia, unsupportedScheme } from './fetch-media.ts'
import { kindOf } from './media-kind.ts'
import { type StreamedAnswer, streamInPage } from './page/page-engine.ts'
import { EMBEDDED_AUDIO_MODEL, EMBEDDED_MODEL, openSession, type Session } from './session.ts'
import { announce, clearBar, grey, loadingBar, log, red } from './terminal.ts'
import { decimal, parseFlags, UsageError, wholeNumber } from './usage.ts'

export const describeHelp = `ocellus describe FILE… [flags]

Says what pictures and clips show and what is said in sounds. FILE may also be a http(s): or data: URL.

  -p, --prompt TEXT              the question (default: Describe the picture, Describe the video, Transcribe the audio)
      --together                 asks once about all files instead of once for each
      --max-tokens N             length of the answer at most (default: 256)
      --temperature T            0 always takes the likeliest word (default: 0)
      --json                     one JSON object a line: image (or video, audio), text, finish_reason, usage

${engineHelp}`

const flags = {
  ...engineFlags,
  prompt: { type: 'string', short: 'p' },
  together: { type: 'boolean' },
  'max-tokens': { type: 'string' },
  temperature: { type: 'string' },
  json: { type: 'boolean' },
} as const

/** One question: the files it is about, and how the answer is labelled. */
interface Question {
  files: string[]
  label: string
}

const PROMPTS: Readonly<Record<Modality, string>> = {
  image: 'Describe the picture.',
  video: 'Describe the video.',
  audio: 'Transcribe the audio.',
}

/** Runs the command and gives the exit status: 1 if a file could not be described. Errors: UsageError, those of openSession. */
export async function describeMedia(args: readonly string[], onSession: (session: Session) => void): Promise<number> {
  const { values, positionals } = parseFlags(args, flags)
  if (values.help) {
    console.log(describeHelp)
    return 0
  }
  if (positionals.length === 0) throw new UsageError('describe needs at least one picture, clip or sound: ocellus describe cat.jpg')
  const sampling: SamplingParams = {
    max_tokens: wholeNumber('max-tokens', values['max-tokens'], 1) ?? 256,
    temperature: decimal('temperature', values.temperature) ?? 0,
  }
  const model = values.model ?? (positionals.every((file) => kindOf(file) === 'audio') ? EMBEDDED_AUDIO_MODEL : EMBEDDED_MODEL)
  const engine = engineOptions(values as EngineFlagValues)
  for (const file of positionals) checkExists(file)
  const questions: Question[] = values.together
    ? [{ files: positionals, label: '' }]
    : positionals.map((file) => ({ files: [file], label: positionals.length > 1 ? `${short(file)}: ` : '' }))
  const onProgress = loadingBar(model)
  const session = await openSession({ model, engine, chromium: values.chromium, headed: values.headed, onProgress, log })
  onSession(session)
  clearBar()
  announce(session.info)
  const outlet = new Outlet()
  const answers = startBounded(questions, AT_ONCE, (question, id) =>
    ask(session, { id, question, prompt: values.prompt ?? promptFor(question.files), sampling, json: values.json ?? false, outlet }),
  )
  let failed = 0
  for (const [id, question] of questions.entries()) {
    try {
      const answer = await answers[id]
      if (answer && questions.length === 1 && process.stderr.isTTY) log(grey(figures(answer)))
    } catch (error) {
      const { name, message } = error as Error
      if (!['InvalidRequestError', 'MediaError', 'ContextLengthError'].includes(name)) throw error
      failed++
      if (values.json) console.log(JSON.stringify({ ...named(question.files), error: { name, message } }))
      log(red(`${question.files.map(short).join(', ')}: ${message}`))
    }
    outlet.next()
  }
  return failed > 0 ? 1 : 0
}

/** Questions under way at once: together they cost little more than one. */
const AT_ONCE = 8

/** Starts all in order, at most `width` at a time. Failures wait until they are awaited. */
function startBounded<T, R>(items: readonly T[], width: number, work: (item: T, index: number) => Promise<R>): Promise<R>[] {
  const started: Promise<R>[] = []
  for (const [i, item] of items.entries()) {
    const before = Promise.allSettled(started.slice(0, Math.max(0, i - width + 1)))
    const promise = before.then(() => work(item, i))
    promise.catch(() => {})
    started.push(promise)
  }
  return started
}

/** Shows texts that come at the same time one after another: that whose turn it is as it comes, the others later. */
class Outlet {
  readonly #held = new Map<number, string>()
  #turn = 0

  write(id: number, text: string): void {
    if (id === this.#turn) process.stdout.write(text)
    else this.#held.set(id, (this.#held.get(id) ?? '') + text)
  }

  next(): void {
    this.#turn++
    process.stdout.write(this.#held.get(this.#turn) ?? '')
  }
}

interface Ask {
  id: number
  question: Question
  prompt: string
  sampling: SamplingParams
  json: boolean
  outlet: Outlet
}

async function ask(session: Session, { id, question, prompt, sampling, json, outlet }: Ask): Promise<StreamedAnswer> {
  const urls = await Promise.all(question.files.map((file) => pageUrl(file, session)))
  const parts = urls.map((url, i) => partOf(kindOf(question.files[i] as string), url))
  const messages: ChatMessage[] = [{ role: 'user', content: [...parts, { type: 'text', text: prompt }] }]
  let started = false
  const write = (text: string): void => {
    outlet.write(id, started ? text : question.label + text)
    started = true
  }
  if (!json) session.listeners.set(id, write)
  try {
    const answer = await session.call(streamInPage, { id, messages, sampling, options: {} })
    const { text, finish_reason, usage } = answer
    if (json) outlet.write(id, `${JSON.stringify({ ...named(question.files), text, finish_reason, usage })}\n`)
    else write('\n')
    return answer
  } catch (error) {
    if (started) write('\n')
    throw error
  } finally {
    session.listeners.delete(id)
    for (const url of urls) session.server.withdraw(url)
  }
}

const promptFor = (files: readonly string[]): string => {
  const kinds = new Set(files.map(kindOf))
  if (files.length > 1 && kinds.has('image') && kinds.size === 1) return 'Describe the pictures.'
  return PROMPTS[kindOf(files[0] as string)]
}

function partOf(kind: Modality, url: string): ChatPart {
  if (kind === 'audio') return { type: 'audio', audio: url }
  return kind === 'video' ? { type: 'video', video: url } : { type: 'image', image: url }
}

/** The files by the kind of the first. */
const named = (files: readonly string[]): Record<string, unknown> => ({
  [kindOf(files[0] as string)]: files.length === 1 ? files[0] : files,
})

function figures({ usage, first, total }: StreamedAnswer): string {
  const tokens = usage?.completion_tokens ?? 0
  const speed = tokens > 1 ? `, then ${(((tokens - 1) * 1000) / (total - first)).toFixed(1)} tokens/s` : ''
  return `  first token after ${(first / 1000).toFixed(2)} s${speed} (${usage?.prompt_tokens} + ${tokens} tokens)`
}

const isUrl = (file: string): boolean => /^(https?|data):/i.test(file)

const short = (file: string): string => (file.length > 80 ? `${file.slice(0, 77)}…` : file)

/** Said before a model is loaded. Errors: UsageError. */
function checkExists(file: string): void {
  if (isUrl(file)) return
  const stat = statSync(file, { throwIfNoEntry: false })
  if (!stat) throw new UsageError(`There is no file ${file}.`)
  if (stat.isDirectory()) throw new UsageError(`${file} is a folder; name the files in it, such as ${file.replace(/\/$/, '')}/*.png.`)
}

/** The user typed these addresses, so none is refused. */
async function pageUrl(file: string, session: Session): Promise<string> {
  if (/^data:/i.test(file)) return file
  if (!isUrl(file)) return session.server.publish(resolve(file))
  if (!URL.canParse(file)) throw unsupportedScheme(file)
  return session.server.publish(await fetchMedia(file, { publicOnly: false }, { modality: kindOf(file) }))
}
