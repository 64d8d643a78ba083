import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { ChatMessage, ChatPart, SamplingParams } from '../src/index.ts'
import { type EngineFlagValues, engineFlags, engineHelp, engineOptions } from './engine-flags.ts'
import { fetchMedia, unsupportedScheme } from './fetch-media.ts'
import { type StreamedAnswer, streamInPage } from './page/page-engine.ts'
import { EMBEDDED_MODEL, openSession, type Session } from './session.ts'
import { announce, clearBar, grey, loadingBar, log, red } from './terminal.ts'
import { decimal, parseFlags, UsageError, wholeNumber } from './usage.ts'

export const describeHelp = `ocellus describe IMAGE… [flags]

Says what pictures show. IMAGE is a file, or a http(s): or data: URL.

  -p, --prompt TEXT              the question (default: Describe the picture.)
      --together                 asks once about all pictures instead of once for each
      --max-tokens N             length of the answer at most (default: 256)
      --temperature T            0 always takes the likeliest word (default: 0)
      --json                     one JSON object a line: image, text, finish_reason, usage

${engineHelp}`

const flags = {
  ...engineFlags,
  prompt: { type: 'string', short: 'p' },
  together: { type: 'boolean' },
  'max-tokens': { type: 'string' },
  temperature: { type: 'string' },
  json: { type: 'boolean' },
} as const

/** One question: the pictures it is about, and how the answer is labelled. */
interface Question {
  images: string[]
  label: string
}

/** Runs the command and gives the exit status: 1 if a picture could not be described. Errors: UsageError, those of openSession. */
export async function describeImages(args: readonly string[], onSession: (session: Session) => void): Promise<number> {
  const { values, positionals } = parseFlags(args, flags)
  if (values.help) {
    console.log(describeHelp)
    return 0
  }
  if (positionals.length === 0) throw new UsageError('describe needs at least one picture: ocellus describe cat.jpg')
  const sampling: SamplingParams = {
    max_tokens: wholeNumber('max-tokens', values['max-tokens'], 1) ?? 256,
    temperature: decimal('temperature', values.temperature) ?? 0,
  }
  const model = values.model ?? EMBEDDED_MODEL
  const engine = engineOptions(values as EngineFlagValues)
  for (const image of positionals) checkExists(image)
  const questions: Question[] = values.together
    ? [{ images: positionals, label: '' }]
    : positionals.map((image) => ({ images: [image], label: positionals.length > 1 ? `${short(image)}: ` : '' }))
  const onProgress = loadingBar(model)
  const session = await openSession({ model, engine, chromium: values.chromium, headed: values.headed, onProgress, log })
  onSession(session)
  clearBar()
  announce(session.info)
  const prompt = values.prompt ?? (values.together ? 'Describe the pictures.' : 'Describe the picture.')
  const outlet = new Outlet()
  const answers = startBounded(questions, AT_ONCE, (question, id) =>
    ask(session, { id, question, prompt, sampling, json: values.json ?? false, outlet }),
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
      if (values.json) console.log(JSON.stringify({ image: named(question.images), error: { name, message } }))
      log(red(`${question.images.map(short).join(', ')}: ${message}`))
    }
    outlet.next()
  }
  return failed > 0 ? 1 : 0
}

/** Pictures under way at once: together they cost little more than one. */
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
  const urls = await Promise.all(question.images.map((image) => pageUrl(image, session)))
  const parts: ChatPart[] = urls.map((url) => ({ type: 'image', image: url }))
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
    if (json) outlet.write(id, `${JSON.stringify({ image: named(question.images), text, finish_reason, usage })}\n`)
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

const named = (images: readonly string[]): string | readonly string[] => (images.length === 1 ? (images[0] as string) : images)

function figures({ usage, first, total }: StreamedAnswer): string {
  const tokens = usage?.completion_tokens ?? 0
  const speed = tokens > 1 ? `, then ${(((tokens - 1) * 1000) / (total - first)).toFixed(1)} tokens/s` : ''
  return `  first token after ${(first / 1000).toFixed(2)} s${speed} (${usage?.prompt_tokens} + ${tokens} tokens)`
}

const isUrl = (image: string): boolean => /^(https?|data):/i.test(image)

const short = (image: string): string => (image.length > 80 ? `${image.slice(0, 77)}…` : image)

/** Said before a model is loaded. Errors: UsageError. */
function checkExists(image: string): void {
  if (isUrl(image)) return
  const stat = statSync(image, { throwIfNoEntry: false })
  if (!stat) throw new UsageError(`There is no file ${image}.`)
  if (stat.isDirectory()) throw new UsageError(`${image} is a folder; name the pictures in it, such as ${image.replace(/\/$/, '')}/*.png.`)
}

/** The user typed these addresses, so none is refused. */
async function pageUrl(image: string, session: Session): Promise<string> {
  if (/^data:/i.test(image)) return image
  if (!isUrl(image)) return session.server.publish(resolve(image))
  if (!URL.canParse(image)) throw unsupportedScheme(image)
  return session.server.publish(await fetchMedia(image, { publicOnly: false }))
}
