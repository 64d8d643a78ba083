import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { allowedLocalPath } from '../../../cli/local-path.ts'

const base = mkdtempSync(join(tmpdir(), 'ocellus-'))
const root = join(base, 'pictures')
mkdirSync(join(root, 'sub'), { recursive: true })
mkdirSync(join(base, 'pictures-of-others'))
writeFileSync(join(root, 'a b.png'), 'x')
writeFileSync(join(base, 'secret.txt'), 'x')
writeFileSync(join(base, 'pictures-of-others/c.png'), 'x')
symlinkSync(join(base, 'secret.txt'), join(root, 'link.png'))

const result = (path: string, allowed: string | undefined = root): string => {
  try {
    return allowedLocalPath(path.startsWith('file:') ? path : pathToFileURL(path).href, allowed)
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}

describe('allowedLocalPath', () => {
  it('gives files below the folder', () => expect(result(join(root, 'a b.png'))).toMatch(/pictures\/a b\.png$/))

  const refused: [what: string, path: string][] = [
    ['a file beside the folder', join(base, 'secret.txt')],
    ['a folder whose name begins alike', join(base, 'pictures-of-others/c.png')],
    ['a link that leads outside', join(root, 'link.png')],
    ['dots', `${pathToFileURL(root).href}/%2e%2e/secret.txt`],
    ['the folder itself', root],
    ['a folder in it', join(root, 'sub')],
    ['a file that is not there', join(root, 'none.png')],
    ['a file on another host', 'file://host/share/x.png'],
  ]
  for (const [what, path] of refused)
    it(`refuses ${what}`, () => expect(result(path)).toMatch(/^InvalidRequestError: .* is no file below --allowed-local-media-path/))

  it('refuses everything without a folder', () =>
    expect(
      (() => {
        try {
          return allowedLocalPath(pathToFileURL(join(root, 'a b.png')).href, undefined)
        } catch (error) {
          return (error as Error).message
        }
      })(),
    ).toMatch(/only with --allowed-local-media-path DIR/))
})
