import type { OrtModule } from './ort-types.ts'

/** The parts of onnxruntime's WebAssembly module that options go through. */
interface WasmModule {
  _OrtAddSessionConfigEntry(options: number, key: number, value: number): number
  _OrtAppendExecutionProvider(options: number, ...rest: number[]): Promise<number> | number
  _malloc(bytes: number): number
  _free(pointer: number): void
  lengthBytesUTF8(text: string): number
  stringToUTF8(text: string, pointer: number, most: number): void
}

/** Options of the WebGPU provider by their names in C++. */
export type ProviderOptions = Readonly<Record<string, string>>

/**
 * Loads onnxruntime-web's build for WebGPU with JavaScript promise integration, its fastest, and gives its provider these options.
 *
 * The package's own way to them loses some: it does not know maxNumPendingDispatches, and where it knows enableGraphCapture it binds inputs
 * and outputs once, but forgets their handles after each run (1.30). So the options go into the session's before the provider reads them.
 */
export async function loadOrt(folder: string, options: ProviderOptions): Promise<OrtModule> {
  const base = new URL(folder, location.href).href
  const url = `${base}ort.jspi.min.mjs`
  const ort = (await import(/* @vite-ignore */ url)) as OrtModule
  const files = `${base}ort-wasm-simd-threaded.jspi`
  const page = globalThis as unknown as { ocellusOrtOptions?: (module: WasmModule) => WasmModule }
  page.ocellusOrtOptions = (module) => withOptions(module, options)
  const code = `import load from ${JSON.stringify(`${files}.mjs`)}
export default async (settings) => globalThis.ocellusOrtOptions(await load(settings))`
  const loader = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
  ort.env.wasm.wasmPaths = { mjs: loader, wasm: `${files}.wasm` }
  // Nothing is left for the CPU to do.
  ort.env.wasm.numThreads = 1
  return ort
}

function withOptions(module: WasmModule, options: ProviderOptions): WasmModule {
  const append = module._OrtAppendExecutionProvider
  const held = (text: string): number => {
    const bytes = module.lengthBytesUTF8(text) + 1
    const pointer = module._malloc(bytes)
    module.stringToUTF8(text, pointer, bytes)
    return pointer
  }
  module._OrtAppendExecutionProvider = (session, ...rest) => {
    for (const [name, value] of Object.entries(options)) {
      const [key, text] = [held(`ep.webgpuexecutionprovider.${name}`), held(value)]
      if (module._OrtAddSessionConfigEntry(session, key, text) !== 0) throw new Error(`onnxruntime takes no option ${name}=${value}`)
      module._free(key)
      module._free(text)
    }
    return append(session, ...rest)
  }
  return module
}
