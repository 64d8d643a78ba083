/** A real WebGPU adapter (hardware or SwiftShader), or an error: a GPU test that runs on nothing must fail, not pass. */
export async function requireAdapter(): Promise<GPUAdapter> {
  if (!globalThis.navigator?.gpu) throw new Error('This runtime has no navigator.gpu; the tests need WebGPU.')
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new Error('requestAdapter gave no adapter; the tests need a GPU or SwiftShader.')
  if (/null/i.test(`${adapter.info.vendor} ${adapter.info.device} ${adapter.info.description}`)) {
    throw new Error('The adapter is Dawn’s null backend, which computes nothing.')
  }
  return adapter
}

/** The adapter in words, such as `google swiftshader SwiftShader driver-5.0.0 (no f16, no subgroups)`. */
export function describeAdapter({ info, features }: GPUAdapter): string {
  const words = [info.vendor, info.architecture, info.device, info.description].filter(Boolean)
  const has = (feature: string, name: string) => (features.has(feature) ? name : `no ${name}`)
  return `${words.join(' ') || 'unnamed'} (${has('shader-f16', 'f16')}, ${has('subgroups', 'subgroups')})`
}
