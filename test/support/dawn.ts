import { create, globals } from 'webgpu'

/** Kept while the process runs: an instance that is collected ends the process. */
const instances: GPU[] = []

/**
 * A WebGPU for Node. 'null' compiles and validates without computing, with every feature; 'vulkan' needs a Vulkan driver.
 * Also sets the constants (GPUBufferUsage …) that browsers have as globals.
 */
export function dawn(backend: 'null' | 'vulkan'): GPU {
  Object.assign(globalThis, globals)
  const gpu = create([`backend=${backend}`, 'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia'])
  instances.push(gpu)
  return gpu
}
