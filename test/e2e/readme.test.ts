import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startEndpointSite, visit } from './endpoint-site.ts'
import { startBrowser } from './page.ts'
import { runCli } from './run-cli.ts'

const root = resolve(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, kind, code = '']) => (kind === language ? [code] : []))

describe('the README', () => {
  it('has examples that run as they stand, but for the model', async () => {
    const site = await startEndpointSite()
    const browser = await startBrowser()
    try {
      const page = await browser.newPage()
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(error.message))
      await visit(page, site)
      await page.evaluate(() => document.body.append(Object.assign(document.createElement('canvas'), { width: 64, height: 48 })))
      const examples = blocks('js')
      expect(examples.length).toBeGreaterThan(5)
      for (const [i, example] of examples.entries()) {
        const local = example.replace("from 'ocellus'", "from '/dist/index.js'").replace("from 'openai'", "from '/openai.js'")
        const code = local
          .replaceAll('Qwen/Qwen2-VL-2B-Instruct', `${site.origin}/model/`)
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

  it('names flags, commands and scripts that exist', async () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const lines = blocks('sh').flatMap((block) => block.trim().split('\n'))
    for (const [, script = ''] of lines.join('\n').matchAll(/npm run ([\w:]+)/g)) expect(Object.keys(scripts)).toContain(script)
    for (const line of lines) {
      const command = /npx ocellus ([\w-]+)/.exec(line)?.[1]
      if (command === undefined) continue
      const { stdout } = await runCli(command, '--help')
      for (const [flag] of line.matchAll(/--[\w-]+/g)) expect(stdout).toContain(flag)
    }
  })
})
