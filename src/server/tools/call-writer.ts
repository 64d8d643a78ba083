import type { ToolCallDelta, ToolDelta } from './tool-delta.ts'

/** What is common to all formats of calls. */
export interface CallOptions {
  /** The id of the next call. Default: 'call_' and 24 random letters and digits. */
  makeId?: () => string
  /** Further calls are left out. Default: any number. */
  maxCalls?: number
  /** Whether there is such a tool. Default: any name is taken. */
  accepts?: (name: string) => boolean
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

function randomId(): string {
  const letters = Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => alphabet[byte % alphabet.length])
  return `call_${letters.join('')}`
}

/** Collects the deltas of an answer. Text that is only whitespace counts as markup when a call is beside it. */
export class CallWriter {
  readonly #makeId: () => string
  readonly #maxCalls: number
  #deltas: ToolDelta[] = []
  #calls = 0
  /** Whitespace since the start or the last call; undefined once other text has followed it. */
  #blank: string | undefined = ''

  constructor(options: CallOptions) {
    this.#makeId = options.makeId ?? randomId
    this.#maxCalls = options.maxCalls ?? Number.POSITIVE_INFINITY
  }

  get called(): boolean {
    return this.#calls > 0
  }

  content(text: string): void {
    if (text === '') return
    if (this.#blank !== undefined) {
      this.#blank += text
      if (text.trim() === '') return
      this.#text(this.#blank)
      this.#blank = undefined
    } else this.#text(text)
  }

  /** Opens the next call. */
  begin(name: string): void {
    this.#blank = ''
    const call = { index: this.#calls++, id: this.#makeId(), type: 'function', function: { name, arguments: '' } } as const
    this.#add(call)
  }

  /** Appends to the arguments of the open call. */
  write(text: string): void {
    if (text === '') return
    const index = this.#calls - 1
    const last = this.#deltas.at(-1)
    if (last !== undefined && 'tool_call' in last && last.tool_call.index === index && last.tool_call.id === undefined) {
      last.tool_call.function.arguments = `${last.tool_call.function.arguments}${text}`
    } else this.#add({ index, function: { arguments: text } })
  }

  /** Takes whitespace since the last call for markup, such as that before its end tag. */
  dropBlank(): void {
    if (this.#blank !== undefined) this.#blank = ''
  }

  /** Nothing follows. */
  end(): void {
    if (this.#blank !== undefined && this.#blank !== '' && this.#calls === 0) this.#text(this.#blank)
    this.#blank = ''
  }

  /** The deltas since the last time. */
  take(): ToolDelta[] {
    const deltas = this.#deltas
    this.#deltas = []
    return deltas
  }

  #text(text: string): void {
    const last = this.#deltas.at(-1)
    if (last !== undefined && 'content' in last) last.content += text
    else this.#deltas.push({ content: text })
  }

  #add(call: ToolCallDelta): void {
    if (call.index < this.#maxCalls) this.#deltas.push({ tool_call: call })
  }
}
