/** How an embedding is made of a prompt: vLLM's PoolingParams. */
export interface PoolingParams {
  /** Values of the vector: the first so many are kept, before it is brought to length 1. Default: all. */
  dimensions?: number
}
