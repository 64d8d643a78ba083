import type { Gpu } from '../../src/gpu/device.ts'
import { bufferOf, recordProgram } from '../../src/gpu/program.ts'
import { readTensor } from '../../src/gpu/readback.ts'
import { createScratchPool } from '../../src/gpu/scratch-pool.ts'
import type { Step } from '../../src/gpu/step.ts'
import type { Storage, Tensor } from '../../src/gpu/tensor.ts'
import type { LinearWeight, WeightFormat } from '../../src/layers/weights.ts'
import { fromHalf, toHalf } from '../../src/util/half.ts'
import { seededRandom } from '../support/random.ts'

/** Bytes of random weights: more than any cache, so that weights taken in turn are cold. */
const POOL_BYTES = 640 * 2 ** 20
const PATTERN_WORDS = 2 ** 22
const BITS: Readonly<Record<WeightFormat, number>> = { f32: 32, f16: 16, q8: 8, q4: 4 }

/** Random weights in turn from one large buffer, and what their values are. */
export class WeightPool {
  readonly #gpu: Gpu
  readonly #data: Storage
  readonly #halves: Storage
  readonly #scales: Storage
  readonly #words = new Uint32Array(PATTERN_WORDS)
  readonly #halfWords = new Uint32Array(PATTERN_WORDS)
  readonly #scaleWords = new Uint32Array(PATTERN_WORDS)
  #next = 0

  constructor(gpu: Gpu, bytes = POOL_BYTES) {
    this.#gpu = gpu
    const random = seededRandom(7)
    const half = (): number => toHalf((random() - 0.5) * 0.05)
    const scale = (): number => toHalf(0.002 + 0.002 * random())
    for (let i = 0; i < PATTERN_WORDS; i++) {
      this.#words[i] = (random() * 2 ** 32) >>> 0
      this.#halfWords[i] = (half() | (half() << 16)) >>> 0
      this.#scaleWords[i] = (scale() | (scale() << 16)) >>> 0
    }
    const fill = (words: Uint32Array<ArrayBuffer>, size: number): Storage => {
      const { storage } = gpu.allocate('u32', [size / 4], 'pool')
      for (let at = 0; at < size; at += words.byteLength) gpu.write(bufferOf({ storage } as Tensor), at, words.subarray(0, (size - at) / 4))
      return storage
    }
    this.#data = fill(this.#words, bytes)
    this.#halves = fill(this.#halfWords, bytes)
    this.#scales = fill(this.#scaleWords, bytes / 8)
  }

  /** The next matrix. f32 is not there. */
  take(format: WeightFormat, rows: number, cols: number): LinearWeight {
    const words = (rows * cols * BITS[format]) / 32
    const at = this.#next + words * 4 > this.#data.bytes ? 0 : this.#next
    this.#next = at + Math.ceil((words * 4) / 256) * 256
    const data: Tensor = { storage: format === 'f16' ? this.#halves : this.#data, offset: at, shape: [words], dtype: 'u32' }
    const offset = Math.floor(at / 8 / 256) * 256
    const count = (rows * cols) / 32
    const room = offset + count * 2 <= this.#scales.bytes
    const scales: Tensor = { storage: this.#scales, offset: room ? offset : 0, shape: [count], dtype: 'f16' }
    return { format, rows, cols, data, scales: BITS[format] < 16 ? scales : undefined, bias: undefined }
  }

  /** The value of a weight. */
  value(weight: LinearWeight, row: number, col: number): number {
    const at = row * weight.cols + col
    const word = (words: Uint32Array, index: number): number => words[index % PATTERN_WORDS] ?? 0
    const halfAt = (words: Uint32Array, offset: number, index: number): number => {
      const pair = word(words, offset / 4 + (index >> 1))
      return fromHalf(index & 1 ? pair >>> 16 : pair & 0xffff)
    }
    if (weight.format === 'f16') return halfAt(this.#halfWords, weight.data.offset, at)
    const scale = halfAt(this.#scaleWords, weight.scales?.offset ?? 0, Math.floor(at / 32))
    if (weight.format === 'q8') return ((word(this.#words, weight.data.offset / 4 + (at >> 2)) << (24 - 8 * (at & 3))) >> 24) * scale
    const nibble = (at & 1) * 4 + ((at & 7) >> 1)
    return (((word(this.#words, weight.data.offset / 4 + (at >> 3)) >>> (4 * nibble)) & 15) - 8) * scale
  }

  destroy(): void {
    for (const storage of [this.#data, this.#halves, this.#scales]) if (storage.buffer) this.#gpu.destroyBuffer(storage.buffer)
  }
}

/** Waits until the GPU has done everything. */
export const settle = (gpu: Gpu): Promise<undefined> => gpu.device.queue.onSubmittedWorkDone() as Promise<undefined>

/** What a measured recording gives. */
export interface Measured {
  /** Per run of what `forward` records. */
  readonly microseconds: number
  readonly dispatches: number
  /** Of encoding, per run. */
  readonly cpuMicroseconds: number
  readonly outputs: readonly Float32Array[]
}

/** GPU time that a measurement takes, in milliseconds: so much that a submit's own latency, up to a millisecond, does not count. */
const SPAN = 60
/** Spent at full load before that. */
const WARM_UP = 250

/** Records `forward` once, runs it often enough, and gives the fastest of three spans. Outputs are read after the last run. */
export async function measure(gpu: Gpu, forward: (step: Step) => Tensor[], span = SPAN): Promise<Measured> {
  const pool = createScratchPool(gpu)
  let outputs: Tensor[] = []
  gpu.device.pushErrorScope('validation')
  const program = await recordProgram(gpu, pool, (step) => {
    outputs = forward(step)
    return outputs
  })
  const invalid = await gpu.device.popErrorScope()
  if (invalid) throw new Error(invalid.message)
  const run = async (times: number): Promise<[total: number, cpu: number]> => {
    const began = performance.now()
    const encoder = gpu.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    for (let i = 0; i < times; i++) program.encode(pass)
    pass.end()
    gpu.submit([encoder.finish()])
    const encoded = performance.now()
    await settle(gpu)
    return [performance.now() - began, encoded - began]
  }
  try {
    await run(1)
    // An idle GPU has lowered its clock, and takes a quarter of a second of full load to raise it.
    let times = 1
    let last = 0
    for (let spent = 0; spent < WARM_UP; spent += last) {
      ;[last] = await run(times)
      if (last < span) times = Math.min(8192, times * 2)
    }
    times = Math.max(1, Math.min(8192, Math.round((times * span) / last)))
    const spans = [await run(times), await run(times), await run(times)].sort(([a], [b]) => a - b)
    const [total, cpu] = spans[0] as [number, number]
    const read = await Promise.all(outputs.map(async (tensor) => new Float32Array(await readTensor(gpu, tensor))))
    return {
      microseconds: (1000 * total) / times,
      cpuMicroseconds: (1000 * cpu) / times,
      dispatches: program.dispatchCount,
      outputs: read,
    }
  } finally {
    program.destroy()
    pool.destroy()
  }
}
