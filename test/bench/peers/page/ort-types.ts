/** As much of onnxruntime-web's interface as is used here; the package itself is no dependency of this repository. */
export interface OrtModule {
  readonly Tensor: {
    new (type: string, data: ArrayBufferView, dims: readonly number[]): OrtTensor
    fromGpuBuffer(buffer: GPUBuffer, options: { dataType: string; dims: readonly number[] }): OrtTensor
  }
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OrtSession> }
  readonly env: {
    readonly wasm: { numThreads?: number; wasmPaths?: unknown; proxy?: boolean }
    readonly webgpu: { readonly device: Promise<GPUDevice> | GPUDevice; adapter?: GPUAdapter }
  }
}

export interface OrtTensor {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: ArrayBufferView
  readonly location: string
  dispose(): void
}

export type OrtValues = Record<string, OrtTensor>

export interface OrtSession {
  readonly inputNames: readonly string[]
  run(feeds: OrtValues, fetches?: Record<string, OrtTensor | null>, options?: object): Promise<OrtValues>
  release(): Promise<void>
}
