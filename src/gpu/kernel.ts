/** Values a pipeline is specialised by: WGSL `override`s. */
export type Constants = Readonly<Record<string, number>>

/** Fields of a kernel's uniform block, in WGSL order; all 32-bit scalars. */
export type ParamType = 'u32' | 'i32' | 'f32'

/** What a kernel's author writes down. */
export interface KernelDefinition {
  /** Unique; shown by the profiler and in errors. Variants add a suffix: 'matmul-q4'. */
  readonly name: string
  /** WGSL pieces in order: shaders/lib first, the kernel's own shader last. Entry point `main`. */
  readonly code: readonly string[]
  /** Storage bindings of group 0 in order, inputs then outputs; must equal the shader's. */
  readonly buffers: readonly string[]
  /** Fields of `struct Params` bound at group 1, binding 0, in order; must equal the shader's. None: no uniform block. */
  readonly params?: Readonly<Record<string, ParamType>>
  /** Features without which the code does not compile. */
  readonly features?: readonly GPUFeatureName[]
}

/** A kernel ready for dispatch: its definition, and what was read off the WGSL. */
export interface Kernel extends KernelDefinition {
  readonly source: string
  /** Per buffer: may the shader write it? */
  readonly writable: readonly boolean[]
  readonly paramList: readonly (readonly [string, ParamType])[]
}

const registry = new Map<string, Kernel>()

/** Every kernel defined so far, for the checks that compile them all. */
export const allKernels = (): readonly Kernel[] => [...registry.values()]

/**
 * Defines a kernel and checks that the binding and the shader agree on buffers and params, so that drift is found at import.
 * Errors: the lists differ (both are named), or the name is taken by other code.
 */
export function defineKernel(definition: KernelDefinition): Kernel {
  const source = definition.code.join('\n')
  const bindings = readBindings(source)
  const names = bindings.map((binding) => binding.name)
  if (names.join() !== definition.buffers.join()) {
    throw new Error(`kernel ${definition.name}: the shader binds [${names}], the definition lists [${definition.buffers}]`)
  }
  const paramList = Object.entries(definition.params ?? {})
  const fields = readParams(source)
  if (fields.join() !== paramList.map(([name, type]) => `${name}:${type}`).join()) {
    throw new Error(`kernel ${definition.name}: struct Params has [${fields}], the definition lists [${paramList.map((p) => p.join(':'))}]`)
  }
  const kernel: Kernel = { ...definition, source, paramList, writable: bindings.map((binding) => binding.writable) }
  const known = registry.get(definition.name)
  if (known && known.source !== source) throw new Error(`two kernels are named ${definition.name}`)
  registry.set(definition.name, kernel)
  return kernel
}

function readBindings(source: string): { name: string; writable: boolean }[] {
  const pattern = /@group\(0\)\s*@binding\((\d+)\)\s*var<storage,\s*(read|read_write)>\s*(\w+)/g
  const found = [...source.matchAll(pattern)].map((m) => ({ index: Number(m[1]), writable: m[2] === 'read_write', name: m[3] ?? '' }))
  found.sort((a, b) => a.index - b.index)
  found.forEach((binding, i) => {
    if (binding.index !== i) throw new Error(`binding ${binding.index} (${binding.name}) stands at place ${i}`)
  })
  return found
}

function readParams(source: string): string[] {
  const body = /struct\s+Params\s*\{([^}]*)\}/.exec(source.replace(/\/\/[^\n]*/g, ''))?.[1] ?? ''
  return [...body.matchAll(/(\w+)\s*:\s*(\w+)/g)].map((m) => `${m[1]}:${m[2]}`)
}
