import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startEndpointSite, visit } from './endpoint-site.ts'
import { startBrowser } from './page.ts'
import { README_EMBEDDING_MODEL, README_MODEL, readme, readmeBlocks, readmeModels } from './readme-blocks.ts'
import { runCli } from './run-cli.ts'

const root = resolve(import.meta.dirname, '../..')

describe('the README', () => {
  it('has examples that run as they stand, but for the models', async () => {
    const site = await startEndpointSite()
    const browser = await startBrowser()
    try {
      const page = await browser.newPage()
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(error.message))
      await visit(page, site)
      await page.evaluate(() => document.body.append(Object.assign(document.createElement('canvas'), { width: 64, height: 48 })))
      const examples = readmeBlocks('js')
      expect(examples.length).toBeGreaterThan(6)
      const models = examples.flatMap((example) => [...example.matchAll(/model: '([^']+)'/g)].map(([, name]) => name))
      expect([...new Set(models)].toSorted()).toEqual([README_EMBEDDING_MODEL, README_MODEL])
      for (const [i, example] of examples.entries()) {
        const local = example.replace("from 'ocellus'", "from '/dist/index.js'").replace("from 'openai'", "from '/openai.js'")
        const code = local
          .replaceAll(README_MODEL, `${site.origin}/model/`)
          .replaceAll(README_EMBEDDING_MODEL, `${site.origin}/embedding/`)
          .replace('max_model_len: 2048', 'max_model_len: 256')
        const content = `${code}\nglobalThis.finished = ${i}`
        await page.addScriptTag({ type: 'module', content })
        await page.waitForFunction((i) => (globalThis as { finished?: number }).finished === i, i, { timeout: 60_000 }).catch(() => {})
        expect([i, await page.evaluate(() => (globalThis as { finished?: number }).finished), complaints]).toEqual([i, i, []])
      }
    } finally {
      await browser.close()
      await site.close()
    }
  })

  it('links to files that exist', () => {
    const files = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => path)
    expect(files.length).toBeGreaterThan(15)
    expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([])
  })

  it('has a test and an example for each model', () => {
    const models = readmeModels()
    expect(models.length).toBe(7)
    for (const [name = '', family = '', , , test, example] of models) {
      expect([name, family]).toEqual([expect.stringMatching(/\w/), expect.stringMatching(/^`\w+`$/)])
      expect([name, test]).toEqual([name, expect.stringMatching(/^\[test\]\(test\/models\/[\w-]+\.test\.ts\)$/)])
      expect([name, example]).toEqual([name, expect.stringMatching(/^\[\w+\]\(demo\/examples\/[\w-]+\.ts\)/)])
    }
  })

  it('names flags, commands and scripts that exist', async () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const lines = readmeBlocks('sh').flatMap((block) => block.trim().split('\n'))
    for (const [, script = ''] of lines.join('\n').matchAll(/npm run ([\w:]+)/g)) expect(Object.keys(scripts)).toContain(script)
    for (const line of lines) {
      const command = /npx ocellus ([\w-]+)/.exec(line)?.[1]
      if (command === undefined) continue
      const { stdout } = await runCli(command, '--help')
      for (const [flag] of line.matchAll(/--[\w-]+/g)) expect(stdout).toContain(flag)
    }
  })
})
