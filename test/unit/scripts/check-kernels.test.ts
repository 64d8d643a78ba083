import { describe, expect, it } from 'vitest'
import { checkBindings, checkTwins } from '../../../scripts/check/kernels.mjs'

const shader = `// out[i] = x[i] * scale
struct Params { n: u32, scale: f32 } // fields
@group(0) @binding(0) var<storage, read> x: array<f32>;  // [n]
// @group(0) @binding(1) var<storage, read> old: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;
`
const binding = `import code from '../../shaders/scale.wgsl'
const kernel = defineKernel({ name: 'scale', code: [code], buffers: ['x', 'out'], params: { n: 'u32', scale: 'f32' } })
step.dispatch(kernel, { buffers: [x, out], params: { n: 1, scale }, workgroups: [1] })
`

const tree = (changes: Record<string, string | undefined> = {}) => {
  const files = {
    'shaders/scale.wgsl': shader,
    'src/kernels/scale.ts': binding,
    'test/reference/scale.ts': '',
    'test/kernels/scale.test.ts': '',
    ...changes,
  }
  return new Map(Object.entries(files).flatMap(([path, text]) => (text === undefined ? [] : [[path, text] as const])))
}
const messages = (problems: { path: string; message: string }[]) => problems.map((p) => `${p.path}: ${p.message}`)

describe('the twins of a kernel', () => {
  it('are complete', () => {
    expect(checkTwins(tree())).toEqual([])
  })

  it.each([
    ['shaders/scale.wgsl', 'src/kernels/scale.ts: kernel scale has no shaders/scale.wgsl'],
    ['src/kernels/scale.ts', 'shaders/scale.wgsl: kernel scale has no src/kernels/scale.ts'],
    ['test/reference/scale.ts', 'src/kernels/scale.ts: kernel scale has no test/reference/scale.ts'],
    ['test/kernels/scale.test.ts', 'src/kernels/scale.ts: kernel scale has no test/kernels/scale.test.ts'],
  ])('are missed: %s', (path, message) => {
    expect(messages(checkTwins(tree({ [path]: undefined })))).toEqual([message])
  })

  it('may share the reference of another stem by naming it', () => {
    const fast = {
      'shaders/scale-fast.wgsl': shader,
      'src/kernels/scale-fast.ts': `// reference: scale\n${binding}`,
      'test/kernels/scale-fast.test.ts': '',
    }
    expect(checkTwins(tree(fast))).toEqual([])
    const lost = { ...fast, 'src/kernels/scale-fast.ts': `// reference: scall\n${binding}` }
    expect(messages(checkTwins(tree(lost)))).toEqual(['src/kernels/scale-fast.ts: kernel scale-fast has no test/reference/scall.ts'])
  })

  it('are not asked of shared functions', () => {
    expect(checkTwins(tree({ 'shaders/lib/dot.wgsl': '', 'src/kernels/lib/dot-code.ts': '' }))).toEqual([])
  })
})

describe('a binding', () => {
  it('that says what its shader says passes', () => {
    expect(checkBindings(tree())).toEqual([])
  })

  it.each([
    ['another order', binding.replace("['x', 'out']", "['out', 'x']"), 'buffers are [out, x], but the shader binds [x, out]'],
    ['another name', binding.replace("'out'", "'y'"), 'buffers are [x, y], but the shader binds [x, out]'],
    ['one too few', binding.replace(", 'out'", ''), 'buffers are [x], but the shader binds [x, out]'],
    [
      'params in another order',
      binding.replace("n: 'u32', scale: 'f32'", "scale: 'f32', n: 'u32'"),
      "params are [scale:f32, n:u32], but the shader's Params are [n:u32, scale:f32]",
    ],
    [
      'a param of another type',
      binding.replace("n: 'u32'", "n: 'i32'"),
      "params are [n:i32, scale:f32], but the shader's Params are [n:u32, scale:f32]",
    ],
  ])('with %s fails', (_name, text, message) => {
    expect(messages(checkBindings(tree({ 'src/kernels/scale.ts': text })))).toEqual([`src/kernels/scale.ts: ${message}`])
  })

  it('needs bindings without a gap', () => {
    const gap = tree({ 'shaders/scale.wgsl': shader.replaceAll('@binding(1)', '@binding(2)') })
    expect(messages(checkBindings(gap))).toEqual(['shaders/scale.wgsl: bindings of group 0 are numbered 0, 2, not 0, 1, 2 …'])
  })

  it('counts what a shared piece of shader binds', () => {
    const lib = "import lib from '../../shaders/lib/out.wgsl'\n"
    const split = shader.split('\n')
    const files = {
      'shaders/lib/out.wgsl': split[4],
      'shaders/scale.wgsl': split.filter((_, i) => i !== 4).join('\n'),
      'src/kernels/scale.ts': lib + binding,
    }
    expect(checkBindings(tree(files))).toEqual([])
  })
})
