import type { ModelInfo, ProgressEvent } from '../src/index.ts'

const tty = process.stderr.isTTY === true
const colour = (code: number, text: string): string => (tty && !process.env['NO_COLOR'] ? `\x1b[${code}m${text}\x1b[0m` : text)

/** Yellow on a terminal. */
export const yellow = (text: string): string => colour(33, text)
/** Red on a terminal. */
export const red = (text: string): string => colour(31, text)
/** Grey on a terminal. */
export const grey = (text: string): string => colour(90, text)

/** A line on stderr; stdout is for answers. */
export function log(line: string): void {
  clearBar()
  process.stderr.write(`${line}\n`)
}

let barShown = false

/** Draws over the last line of a terminal; elsewhere nothing, so that logs stay readable. */
export function drawBar(label: string, done: number, total: number, after = ''): void {
  if (!tty) return
  const width = 24
  const filled = total > 0 ? Math.round((Math.min(done, total) / total) * width) : 0
  // Without a total there is nothing to fill.
  const text = total > 0 ? `${label} ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${after}` : `${label} …`
  process.stderr.write(`\r\x1b[2K${text.slice(0, (process.stderr.columns || 80) - 1)}`)
  barShown = true
}

/** Wipes the bar away. */
export function clearBar(): void {
  if (barShown) process.stderr.write('\r\x1b[2K')
  barShown = false
}

/** Shows loading as a bar. */
export function loadingBar(model: string): (event: ProgressEvent) => void {
  const files = new Map<string, { loaded: number; total: number }>()
  return ({ status, file, loaded, total }) => {
    if (status === 'ready') return clearBar()
    if (status === 'compile' || status === 'warmup')
      return drawBar(`Preparing ${model}`, 1, 1, status === 'compile' ? 'compiling' : 'warming up')
    if (file !== undefined && loaded !== undefined && total !== undefined) files.set(file, { loaded, total })
    const sum = (key: 'loaded' | 'total'): number => [...files.values()].reduce((all, each) => all + each[key], 0)
    drawBar(`Loading ${model}`, sum('loaded'), sum('total'), `${megabytes(sum('loaded'))} of ${megabytes(sum('total'))}`)
  }
}

/** Bytes in words. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`

/** Says what the model runs on; a software adapter is warned of. */
export function announce(info: ModelInfo): void {
  const { vendor, architecture, description, software } = info.adapter
  const name = description || [vendor, architecture].filter(Boolean).join(' ') || 'an unnamed adapter'
  log(grey(`${info.model} on ${name}, ${info.dtype}${info.quantization === 'none' ? '' : ` ${info.quantization}`}`))
  if (software) {
    log(yellow(`Warning: ${name} is a software adapter: the CPU plays GPU. Answers are the same, but many times slower than on a GPU.`))
  }
}
