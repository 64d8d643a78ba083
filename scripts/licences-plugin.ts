import { existsSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

const NAME = 'THIRD-PARTY-LICENSES.txt'

interface Chunk {
  type: string
  moduleIds?: string[]
}
interface Context {
  emitFile(file: { type: 'asset'; fileName: string; source: string }): unknown
}

/** Writes the licences of the packages that went into a bundle beside it, as they ask of whoever ships their code. */
export function licences(name: string) {
  return {
    name: 'licences',
    generateBundle(this: Context, _options: unknown, bundle: Readonly<Record<string, Chunk>>): void {
      const modules = Object.values(bundle).flatMap((chunk) => chunk.moduleIds ?? [])
      const folders = new Set(modules.map(packageFolder).filter((folder) => folder !== undefined))
      const texts = [...folders].sort().map(licenceOf)
      if (texts.length > 0) this.emitFile({ type: 'asset', fileName: `${name}.${NAME}`, source: texts.join('\n\n') })
    },
  }
}

/** The folder of the package that a module of node_modules is from. */
function packageFolder(id: string): string | undefined {
  const path = id.split('?')[0] ?? id
  const start = path.lastIndexOf(`${sep}node_modules${sep}`)
  if (start < 0) return undefined
  const parts = path.slice(start + `${sep}node_modules${sep}`.length).split(sep)
  return join(path.slice(0, start), 'node_modules', ...parts.slice(0, parts[0]?.startsWith('@') ? 2 : 1))
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>
  // The MPL asks that whoever gets the bundle be told where the source is.
  const source = license?.startsWith('MPL') ? `Source code: https://www.npmjs.com/package/${name}/v/${version}\n` : ''
  const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE'].map((each) => join(folder, each)).find((each) => existsSync(each))
  if (!file) throw new Error(`${name} goes into the bundle but has no licence file`)
  return `${name} ${version} (${license})\n${source}${'='.repeat(60)}\n${readFileSync(file, 'utf8').trim()}\n`
}
