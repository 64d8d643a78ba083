import { LLM, type LLMOptions, type ModelInfo, type ProgressEvent } from '../src/index.ts'
import { byId, explain, make } from './dom.ts'

type ModelChoice = Pick<LLMOptions, 'model'> & { label: string }

/** The model field and the loading bar. Holds the one model that is loaded. */
export class ModelPanel {
  readonly #panel = byId('model-panel', 'details')
  readonly #field = byId('model', 'input')
  readonly #name = byId('model-name', 'span')
  readonly #progress = byId('progress', 'progress')
  readonly #status = byId('status', 'p')
  readonly #onChange: (llm: LLM | undefined) => void
  #llm: LLM | undefined
  #loading: AbortController | undefined
  #folder: ModelChoice | undefined

  constructor(onChange: (llm: LLM | undefined) => void) {
    this.#onChange = onChange
    byId('model-form', 'form').onsubmit = (event) => {
      event.preventDefault()
      const typed = this.#field.value.trim()
      const choice = this.#folder?.label === typed ? this.#folder : { model: typed, label: typed }
      if (typed !== '') void this.load(choice)
    }
    byId('folder', 'button').onclick = () => void this.#chooseFolder()
    document.addEventListener('pointerdown', (event) => {
      if (!this.#panel.contains(event.target as Node)) this.#panel.open = false
    })
  }

  /** Loads a model in place of the one there is; a load under way is given up. */
  async load({ model, label }: ModelChoice): Promise<void> {
    this.#loading?.abort()
    const loading = new AbortController()
    this.#loading = loading
    this.#panel.open = false
    this.#name.textContent = label
    this.#field.value = label
    const old = this.#llm
    this.#llm = undefined
    this.#onChange(undefined)
    this.#say(`Loading ${label} …`)
    this.#progress.hidden = false
    this.#progress.removeAttribute('value')
    try {
      await old?.dispose()
      const quantization = byId('quantization', 'select').value as NonNullable<LLMOptions['quantization']>
      const llm = await LLM.create({ model, quantization, signal: loading.signal, onProgress: this.#watcher(label, loading.signal) })
      if (loading.signal.aborted) return void llm.dispose()
      this.#llm = llm
      this.#announce(llm.info)
      this.#onChange(llm)
    } catch (error) {
      if (loading.signal.aborted) return
      this.#say(explain(error), 'bad')
    }
    this.#progress.hidden = true
  }

  #watcher(label: string, signal: AbortSignal): (event: ProgressEvent) => void {
    const files = new Map<string, { loaded: number; total: number }>()
    return ({ status, file, loaded, total }) => {
      if (signal.aborted) return
      if (status === 'compile' || status === 'warmup') {
        this.#progress.removeAttribute('value')
        this.#say(status === 'compile' ? 'Compiling shaders …' : 'Warming up …')
      }
      if (status !== 'progress' || file === undefined || loaded === undefined || total === undefined) return
      files.set(file, { loaded, total })
      const sum = (key: 'loaded' | 'total'): number => [...files.values()].reduce((all, each) => all + each[key], 0)
      this.#progress.value = (100 * sum('loaded')) / Math.max(1, sum('total'))
      this.#say(`Loading ${label}: ${(sum('loaded') / 1e6).toFixed(1)} of ${(sum('total') / 1e6).toFixed(1)} MB`)
    }
  }

  #announce({ adapter, dtype, quantization, gpu_bytes }: ModelInfo): void {
    const name = adapter.description || [adapter.vendor, adapter.architecture].filter(Boolean).join(' ') || 'an unnamed GPU'
    const parts = [name, quantization === 'none' ? dtype : quantization, `${(gpu_bytes / 1e6).toFixed(0)} MB of GPU memory`]
    this.#say(`Ready on ${parts.join(' · ')}`)
    if (adapter.software) this.#status.append(make('span', { className: 'warn' }, ' · software adapter, slow'))
  }

  #say(text: string, className = ''): void {
    this.#status.className = className
    this.#status.textContent = text
  }

  async #chooseFolder(): Promise<void> {
    const picker = (globalThis as { showDirectoryPicker?: () => Promise<FileSystemDirectoryHandle> }).showDirectoryPicker
    if (picker) {
      const handle = await picker().catch(() => undefined)
      if (handle) this.#takeFolder({ model: handle, label: `${handle.name}/` })
      return
    }
    const input = byId('folder-files', 'input')
    input.onchange = () => {
      const files = [...(input.files ?? [])]
      const folder = files[0]?.webkitRelativePath.split('/')[0] ?? 'folder'
      if (files.length > 0) this.#takeFolder({ model: files, label: `${folder}/` })
    }
    input.click()
  }

  #takeFolder(choice: ModelChoice): void {
    this.#folder = choice
    this.#field.value = choice.label
    void this.load(choice)
  }
}
