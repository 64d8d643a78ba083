import { describe, expect, it } from 'vitest'
import { checkCycles, checkImports, importsOf } from '../../../scripts/check/imports.mjs'

const tree = (files: Record<string, string>) => new Map(Object.entries(files))
const messages = (problems: { path: string; line: number; message: string }[]) => problems.map((p) => `${p.path}:${p.line}: ${p.message}`)

describe('the import table', () => {
  it.each([
    [
      'a type import counts',
      'src/util/math.ts',
      "import type { Gpu } from '../gpu/device.ts'",
      'imports src/gpu/device.ts; src/util may import only nothing',
    ],
    ['gpu knows no kernels', 'src/gpu/step.ts', "import { x } from '../kernels/x.ts'", 'src/gpu may import only src/util'],
    [
      'api reaches no engine',
      'src/api/llm.ts',
      "import { Engine } from '../engine/engine.ts'",
      'src/api may import only src/protocol, src/server, src/cache, src/util',
    ],
    ['re-exports count', 'src/index.ts', "export * from './engine/engine.ts'", 'imports src/engine/engine.ts'],
    ['dynamic imports count', 'src/engine/engine.ts', "const m = await import('../api/llm.ts')", 'imports src/api/llm.ts'],
    [
      'the demo uses the public surface',
      'demo/main.ts',
      "import { Engine } from '../src/engine/engine.ts'",
      'demo may import only src/index.ts, src/protocol',
    ],
    ['the cli too', 'cli/bench.ts', "import { Engine } from '../src/engine/engine.ts'", 'imports src/engine/engine.ts'],
    ['a kernel takes its own shader', 'src/kernels/add.ts', "import code from '../../shaders/gelu.wgsl'", 'imports shaders/gelu.wgsl'],
    ['a layer takes none', 'src/layers/norm.ts', "import code from '../../shaders/lib/dot.wgsl'", 'imports shaders/lib/dot.wgsl'],
    ['new folders need a row', 'src/extra/x.ts', "import { y } from '../util/y.ts'", 'is in no folder of the import table'],
    [
      'comlink has its door',
      'src/engine/engine.ts',
      "import { expose } from 'comlink'",
      'imports comlink, which only src/api/llm.ts and src/worker/ and test/support/ and test/unit/worker/ may',
    ],
    [
      'jinja has its door',
      'src/text/detokenizer.ts',
      "import { Template } from '@huggingface/jinja'",
      'imports @huggingface/jinja, which only',
    ],
    [
      'onnxruntime has its door',
      'src/models/clip.ts',
      "import * as ort from 'onnxruntime-web/webgpu'",
      'imports onnxruntime-web/webgpu, which only',
    ],
    [
      'the browser has no node',
      'src/weights/cache.ts',
      "import { readFile } from 'node:fs/promises'",
      'imports node:fs/promises, which only',
    ],
    ['playwright stays in Node', 'demo/main.ts', "import { chromium } from 'playwright'", 'imports playwright, which only'],
    ['unknown packages need a door', 'src/util/lodash.ts', "import { chunk } from 'lodash'", 'imports lodash, a package without a door'],
  ])('%s', (_name, path, text, message) => {
    const problems = checkImports(tree({ [path]: `// first line\n${text}\n` }))
    expect(problems).toHaveLength(1)
    expect(messages(problems)[0]).toContain(`${path}:2: ${path.startsWith('src/extra') ? path : ''}`)
    expect(problems[0]?.message).toContain(message)
  })

  it('lets pass what points down', () => {
    const files = tree({
      'src/kernels/add.ts':
        "import code from '../../shaders/add.wgsl'\nimport dot from '../../shaders/lib/dot.wgsl'\nimport { x } from '../gpu/kernel.ts'",
      'src/worker/engine.worker.ts': "import { expose } from 'comlink'\nimport { Engine } from '../engine/engine.ts'",
      'src/api/llm.ts':
        "import { wrap } from 'comlink'\nimport { capture } from './capture.ts'\nnew Worker(new URL('../worker/engine.worker.ts', import.meta.url))",
      'cli/serve.ts':
        "import { route } from '../src/server/router.ts'\nimport { chromium } from 'playwright'\nimport { join } from 'node:path'",
      'test/unit/a.test.ts': "import { Engine } from '../../src/engine/engine.ts'\nimport { it } from 'vitest'",
      'vitest.config.ts': "import { join } from 'node:path'",
    })
    expect(messages(checkImports(files))).toEqual([])
  })

  it('reads imports over several lines, and none in comments or strings', () => {
    const text =
      "import {\n  a,\n  type B,\n} from './a.ts'\n// import { c } from './c.ts'\nconst s = `import { d } from './d.ts'`\nimport './e.ts'\n"
    expect(importsOf('src/util/x.ts', text).map(({ target }) => target)).toEqual(['src/util/a.ts', 'src/util/e.ts'])
  })
})

describe('import cycles', () => {
  it('names the files of a circle once', () => {
    const files = tree({
      'src/util/a.ts': "import { b } from './b.ts'",
      'src/util/b.ts': "import type { C } from './c.ts'",
      'src/util/c.ts': "export { a } from './a.ts'",
    })
    expect(messages(checkCycles(files))).toEqual([
      'src/util/a.ts:1: import cycle: src/util/a.ts → src/util/b.ts → src/util/c.ts → src/util/a.ts',
    ])
  })

  it('has nothing against two ways to one file', () => {
    const files = tree({ 'a.ts': "import './b.ts'\nimport './c.ts'", 'b.ts': "import './d.ts'", 'c.ts': "import './d.ts'", 'd.ts': '' })
    expect(checkCycles(files)).toEqual([])
  })
})
