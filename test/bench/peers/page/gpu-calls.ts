/** Calls of WebGPU that cost time. */
export interface GpuCalls {
  dispatches: number
  bind_groups: number
  buffers: number
  queue_writes: number
  submits: number
}

const none = (): GpuCalls => ({ dispatches: 0, bind_groups: 0, buffers: 0, queue_writes: 0, submits: 0 })

/** Counts calls on this thread from now on; the function gives those since the last call of it. */
export function countGpuCalls(): () => GpuCalls {
  let calls = none()
  const count = (type: object, method: string, key: keyof GpuCalls): void => {
    const methods = type as Record<string, (...args: unknown[]) => unknown>
    const original = methods[method]
    if (!original) return
    methods[method] = function (this: unknown, ...args: unknown[]) {
      calls[key]++
      return original.apply(this, args)
    }
  }
  count(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', 'dispatches')
  count(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', 'dispatches')
  count(GPUDevice.prototype, 'createBindGroup', 'bind_groups')
  count(GPUDevice.prototype, 'createBuffer', 'buffers')
  count(GPUQueue.prototype, 'writeBuffer', 'queue_writes')
  count(GPUQueue.prototype, 'submit', 'submits')
  return () => {
    const counted = calls
    calls = none()
    return counted
  }
}

/** These calls by token, to one place. */
export const callsPerToken = (calls: GpuCalls, tokens: number): GpuCalls =>
  Object.fromEntries(Object.entries(calls).map(([key, value]) => [key, Math.round((10 * value) / tokens) / 10])) as unknown as GpuCalls
