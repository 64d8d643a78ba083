const files = import.meta.glob<string>('../*.ts', { query: '?raw', import: 'default', eager: true })
const media = import.meta.glob<string>('../media/*.{png,webm,wav}', { query: '?url', import: 'default', eager: true })

/** An example's text and what the page reads from it. */
export interface Source {
  /** As users of the package write it. */
  readonly code: string
  /** Its docstring in one paragraph. */
  readonly summary: string
  /** The Hub id that it names. */
  readonly model: string
  /** Addresses of the pictures, clips and sounds that it uses. */
  readonly media: readonly string[]
  /** Whether it needs a file of the user's. */
  readonly takesFile: boolean
}

/** Reads the example of this name. */
export function readSource(name: string): Source {
  const text = files[`../${name}.ts`]
  if (text === undefined) throw new Error(`There is no example ${name}.`)
  const summary = /\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? ''
  return {
    code: text.replace("'../../src/index.ts'", "'ocellus'").trimEnd(),
    summary: summary.replace(/^\s*\*?\s*/gm, ' ').trim(),
    model: /model: '([^']+)'/.exec(text)?.[1] ?? '',
    media: [...text.matchAll(/'\.(\/media\/[^']+)'/g)].flatMap(([, path]) => media[`..${path}`] ?? []),
    takesFile: /\bfile = new Blob/.test(text),
  }
}
