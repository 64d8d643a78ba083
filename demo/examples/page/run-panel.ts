import type { LLMOptions, ProgressEvent } from '../../../src/index.ts'
import { byId, explain, make } from '../../dom.ts'
import { checkpoints } from './checkpoints.ts'
import type { Source } from './sources.ts'

const OTHER = 'other'

/** Context of the models that come with the page, in tokens. */
const STAND_IN_LENGTH = 2048

/** The form below an example: with which model it runs, how far it is, and what it gave. */
export class RunPanel {
  readonly #model = byId('model', 'select')
  readonly #other = byId('other', 'input')
  readonly #file = byId('file', 'input')
  readonly #status = byId('status', 'p')
  readonly #progress = byId('progress', 'progress')
  readonly #printed = byId('printed', 'pre')
  #name = ''
  #source: Source | undefined
  #frame: HTMLIFrameElement | undefined

  constructor() {
    this.#model.onchange = () => this.#advise()
    byId('run-form', 'form').onsubmit = (event) => {
      event.preventDefault()
      void this.#run()
    }
    byId('stop', 'button').onclick = () => {
      this.#end()
      this.#say('Stopped.')
    }
  }

  /** Makes ready for another example; one that runs is ended. */
  show(name: string, source: Source): void {
    this.#end()
    this.#say('')
    this.#name = name
    this.#source = source
    const { gigabytes = 0, standIn } = checkpoints[source.model] ?? {}
    const own = make('option', { value: source.model }, `${source.model} · ${gigabytes} GB`)
    const small = standIn === undefined ? [] : [make('option', { value: `../models/${standIn}/` }, `${standIn} · comes with the page`)]
    this.#model.replaceChildren(...small, own, make('option', { value: OTHER }, 'Another …'))
    byId('file-field', 'label').hidden = !source.takesFile
    this.#file.required = source.takesFile
    byId('result', 'section').hidden = true
    this.#advise()
  }

  #advise(): void {
    const { value } = this.#model
    const other = value === OTHER
    byId('other-field', 'label').hidden = !other
    this.#other.required = other
    if (other) this.#other.focus()
    const { gigabytes } = checkpoints[value] ?? {}
    const download = `This loads ${gigabytes} GB from the Hub. With 8 or 4 bits it needs less of the GPU's memory.`
    const tiny = 'A small model of the same family. It knows drawn shapes and short words; photos are beyond it.'
    byId('advice', 'p').textContent = other
      ? `Any checkpoint of the family of ${this.#source?.model} will do.`
      : gigabytes
        ? download
        : tiny
  }

  #options(): Partial<LLMOptions> {
    const { value } = this.#model
    const quantization = byId('quantization', 'select').value as NonNullable<LLMOptions['quantization']>
    const model = value === OTHER ? this.#other.value.trim() : value
    const length = model === this.#source?.model ? {} : { max_model_len: STAND_IN_LENGTH }
    return { model, quantization, ...length, onProgress: watcher((text, part) => this.#say(text, part)) }
  }

  async #run(): Promise<void> {
    this.#end()
    byId('result', 'section').hidden = true
    byId('returned-details', 'details').hidden = true
    this.#printed.textContent = ''
    this.#say('Loading …', undefined)
    this.#setBusy(true)
    const frame = make('iframe', { hidden: true, src: './runner.html' })
    this.#frame = frame
    try {
      const window = await opened(frame)
      if (this.#frame !== frame) return
      const began = performance.now()
      const file = this.#file.files?.[0]
      const returned = await window.runExample(this.#name, this.#options(), (...values) => this.#print(values), ...(file ? [file] : []))
      if (this.#frame !== frame) return
      this.#say(`Done after ${((performance.now() - began) / 1000).toFixed(1)} s, loading included.`)
      byId('returned', 'pre').textContent = inShort(returned)
      byId('returned-details', 'details').hidden = false
    } catch (error) {
      if (this.#frame !== frame) return
      this.#say(explain(error))
      this.#status.className = 'bad'
    }
    this.#end()
  }

  #print(values: readonly unknown[]): void {
    byId('result', 'section').hidden = false
    this.#printed.append(`${values.join(' ')}\n`)
  }

  /** `part`: how much is done, from 0 to 1, undefined where that is unknown. */
  #say(text: string, ...[part]: [part?: number | undefined]): void {
    this.#status.className = ''
    this.#status.textContent = text
    if (part === undefined) this.#progress.removeAttribute('value')
    else this.#progress.value = 100 * part
  }

  #setBusy(busy: boolean): void {
    byId('run', 'button').hidden = busy
    byId('stop', 'button').hidden = !busy
    this.#progress.hidden = !busy
  }

  /** With its frame, everything that a run has begun is gone. */
  #end(): void {
    this.#frame?.remove()
    this.#frame = undefined
    this.#setBusy(false)
  }
}

/** Puts the frame into the page and waits until it can run examples. */
async function opened(frame: HTMLIFrameElement): Promise<Window & typeof globalThis> {
  await new Promise((resolve) => {
    frame.addEventListener('load', resolve, { once: true })
    document.body.append(frame)
  })
  return frame.contentWindow as Window & typeof globalThis
}

/** Turns the engine's events into words and a fraction of all files. */
function watcher(say: (text: string, part?: number) => void): (event: ProgressEvent) => void {
  const files = new Map<string, { loaded: number; total: number }>()
  return ({ status, file, loaded, total }) => {
    if (status === 'compile') say('Compiling shaders …')
    if (status === 'warmup') say('Warming up …')
    if (status !== 'progress' || file === undefined || loaded === undefined || total === undefined) return
    files.set(file, { loaded, total })
    const sum = (key: 'loaded' | 'total'): number => [...files.values()].reduce((all, each) => all + each[key], 0)
    const [done, all] = [sum('loaded'), sum('total')]
    say(`Loading: ${(done / 1e6).toFixed(1)} of ${(all / 1e6).toFixed(1)} MB`, done / Math.max(1, all))
  }
}

/** As JSON, with lists of numbers in one line and cut. */
function inShort(value: unknown): string {
  const json = JSON.stringify(
    value,
    (_, entry) => {
      const isNumbers = Array.isArray(entry) && entry.length > 0 && entry.every((item) => typeof item === 'number')
      return isNumbers
        ? `[${entry.slice(0, 8).map((item) => +item.toFixed(4))}${entry.length > 8 ? `, … ${entry.length} in all` : ''}]`
        : entry
    },
    2,
  )
  return json.replace(/"(\[-?\d[^"]*\])"/g, (_, list: string) => list.replaceAll(',', ', ').replaceAll(',  ', ', '))
}
