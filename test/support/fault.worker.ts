import '../../src/worker/engine.worker.ts'
import type { Fault, FaultCommand } from './fault-worker.ts'

// The engine's worker, with faults of the platform under it. They are described by the worker's name and by messages on a channel of
// that name: the worker's own messages belong to the engine.
const { fault, channel: channelName } = JSON.parse(self.name) as { fault: Fault; channel: string }
const channel = new BroadcastChannel(channelName)
const unhandled: string[] = []
self.addEventListener('unhandledrejection', ({ reason }) => unhandled.push(String(reason)))

let device: GPUDevice | undefined
let buffersUntilFull = fault.kind === 'out of memory' ? fault.at : Number.POSITIVE_INFINITY
const scopes: { filter: GPUErrorFilter; full: boolean }[] = []

if (fault.kind === 'no WebGPU') Object.defineProperty(navigator, 'gpu', { value: undefined })
if (fault.kind === 'no adapter') GPU.prototype.requestAdapter = async () => null

const requestDevice = GPUAdapter.prototype.requestDevice
GPUAdapter.prototype.requestDevice = async function (descriptor) {
  if (fault.kind === 'no device') throw new DOMException('the adapter was used up', 'OperationError')
  device = await requestDevice.call(this, descriptor)
  if (fault.kind === 'lost at once') device.destroy()
  return device
}

const { createShaderModule } = GPUDevice.prototype
GPUDevice.prototype.createShaderModule = function (descriptor) {
  const broken = fault.kind === 'broken kernel' && fault.name === descriptor.label
  return createShaderModule.call(this, broken ? { ...descriptor, code: `${descriptor.code}\nfn nonsense(` } : descriptor)
}

// Memory that runs out: the buffer that comes back is invalid, and the error goes to the innermost scope that asks for it.
const { createBuffer, pushErrorScope, popErrorScope } = GPUDevice.prototype
GPUDevice.prototype.createBuffer = function (descriptor) {
  if (--buffersUntilFull !== 0) return createBuffer.call(this, descriptor)
  pushErrorScope.call(this, 'validation')
  const invalid = createBuffer.call(this, { ...descriptor, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE })
  void popErrorScope.call(this)
  const scope = scopes.findLast(({ filter }) => filter === 'out-of-memory')
  if (scope) scope.full = true
  else
    setTimeout(() =>
      this.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error: new GPUOutOfMemoryError('memory is full') })),
    )
  return invalid
}
GPUDevice.prototype.pushErrorScope = function (filter) {
  scopes.push({ filter, full: false })
  return pushErrorScope.call(this, filter)
}
GPUDevice.prototype.popErrorScope = function () {
  const scope = scopes.pop()
  return popErrorScope.call(this).then((error) => (scope?.full ? new GPUOutOfMemoryError('memory is full') : error))
}

channel.onmessage = ({ data }: MessageEvent<FaultCommand>) => {
  if (data.kind === 'lose the device') device?.destroy()
  if (data.kind === 'fill the memory') buffersUntilFull = data.at
  if (data.kind === 'use the device wrongly') device?.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.MAP_WRITE })
  if (data.kind === 'reject') setTimeout(() => Promise.reject(new Error('nobody caught this')))
  if (data.kind === 'throw') {
    setTimeout(() => {
      throw new Error('nobody caught this')
    })
  }
  channel.postMessage({ done: data.id, unhandled })
}
