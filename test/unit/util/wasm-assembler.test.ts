import { describe, expect, it } from 'vitest'
import { assemble, type WasmFunction } from '../../../src/util/wasm-assembler.ts'

/** The functions of a module, compiled. */
function run(
  functions: readonly WasmFunction[],
  pages = 1,
): Record<string, (...values: number[]) => number> & { memory: WebAssembly.Memory } {
  return new WebAssembly.Instance(new WebAssembly.Module(assemble(functions, pages))).exports as ReturnType<typeof run>
}

const constant = (value: number): WasmFunction => ({ name: 'constant', params: '', locals: {}, body: `i32.const ${value}` })

describe('assembling WebAssembly', () => {
  it.each([0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8193, 0x7fffffff, -0x80000000])('writes the constant %i', (value) => {
    expect(run([constant(value)])['constant']?.()).toBe(value)
  })

  it('writes loops, blocks, locals of several types and comments', () => {
    const sum: WasmFunction = {
      name: 'sum',
      params: 'from to',
      locals: { i32: 'total', f64: 'half' },
      body: `
      f64.const 0.5 local.set half ;; not an instruction: f64.what
      block
        local.get from local.get to i32.gt_u br_if 0
        loop
          local.get total local.get from i32.add local.set total
          local.get from i32.const 1 i32.add local.tee from local.get to i32.gt_u i32.eqz br_if 0
        end
      end
      local.get half f64.const 1 f64.le if local.get total return end
      i32.const -1`,
    }
    const { sum: summed } = run([constant(1), sum])
    expect([summed?.(1, 100), summed?.(5, 4)]).toEqual([5050, 0])
  })

  it('gives a memory of so many pages', () => {
    expect(run([constant(0)], 3).memory.buffer.byteLength).toBe(3 * 65536)
  })

  it('names what it does not know', () => {
    expect(() => assemble([{ ...constant(0), body: 'i32.cosnt 1' }], 1)).toThrow("constant: there is no instruction 'i32.cosnt'")
    expect(() => assemble([{ ...constant(0), body: 'local.get x' }], 1)).toThrow("constant: there is no local 'x'")
  })
})
