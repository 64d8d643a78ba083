import type { Gpu } from '../gpu/device.ts'
import type { Profiler } from '../gpu/profiler.ts'
import { bufferOf, type Program, recordProgram } from '../gpu/program.ts'
import type { ScratchPool } from '../gpu/scratch-pool.ts'
import type { Step } from '../gpu/step.ts'
import { byteSize, expectShape, type Tensor } from '../gpu/tensor.ts'
import type { HostArray, MediaKind, PreparedMedia } from '../models/family.ts'
import { LruMap } from '../util/lru-map.ts'
import type { EncodeJob } from './plan.ts'

/** Records the encoder for one geometry: inputs as tensors → f32 [tokens, hidden]. */
export type RecordEncoder = (step: Step, kind: MediaKind, grid: readonly number[], inputs: Readonly<Record<string, Tensor>>) => Tensor

interface Recording {
  readonly program: Program
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly output: Tensor
  readonly bytes: number
}

/** GPU bytes of encoder inputs kept for geometries seen before. */
const RECORDING_BYTES = 256 * 2 ** 20

/** Turns prepared media into rows of the encoder cache. */
export class MediaEncoder {
  /** f32 [rows, hidden] */
  readonly rows: Tensor
  readonly #gpu: Gpu
  readonly #pool: ScratchPool
  readonly #record: RecordEncoder
  readonly #profiler: Profiler | undefined
  readonly #recordings: LruMap<string, Recording>

  constructor(gpu: Gpu, pool: ScratchPool, sizes: { rows: number; hidden: number }, record: RecordEncoder, profiler?: Profiler) {
    this.#gpu = gpu
    this.#profiler = profiler
    this.#pool = pool
    this.#record = record
    this.rows = gpu.allocate('f32', [sizes.rows, sizes.hidden], 'encoder cache')
    this.#recordings = new LruMap({
      capacity: RECORDING_BYTES,
      sizeOf: (recording) => recording.bytes,
      onDrop: ({ program, inputs }) => {
        program.destroy()
        for (const tensor of Object.values(inputs)) gpu.destroyBuffer(bufferOf(tensor))
      },
    })
  }

  /** Encodes one item in a submit of its own; the queue runs it before any later step. */
  async encode({ media, rows }: EncodeJob): Promise<void> {
    const hidden = this.rows.shape[1] ?? 0
    const offset = rows.start * hidden * 4
    const given = media.inputs['embeds']
    if (given) {
      this.#gpu.write(bufferOf(this.rows), offset, given.data as AllowSharedBufferSource)
      return
    }
    const { program, inputs, output } = await this.#recordingFor(media)
    expectShape('encoded media', output, [rows.length, hidden])
    for (const [name, tensor] of Object.entries(inputs)) {
      this.#gpu.write(bufferOf(tensor), 0, (media.inputs[name] as HostArray).data as AllowSharedBufferSource)
    }
    const start = performance.now()
    const encoder = this.#gpu.device.createCommandEncoder({ label: 'encode media' })
    if (this.#profiler) this.#profiler.encode(program, encoder, { label: `encode ${media.kind}` })
    else {
      const pass = encoder.beginComputePass({ label: 'encode media' })
      program.encode(pass)
      pass.end()
    }
    encoder.copyBufferToBuffer(bufferOf(output), output.offset, bufferOf(this.rows), offset, rows.length * hidden * 4)
    this.#gpu.submit([encoder.finish()])
    void this.#countTime(start)
  }

  /** Counted when the GPU is done; what is encoded waits for nobody here. */
  async #countTime(start: number): Promise<void> {
    const { device, counters } = this.#gpu
    await device.queue.onSubmittedWorkDone()
    counters.encodes++
    counters.encodeMilliseconds += performance.now() - start
  }

  /** Drops what was recorded. */
  forget(): void {
    this.#recordings.clear()
  }

  async #recordingFor(media: PreparedMedia): Promise<Recording> {
    const shapes = Object.entries(media.inputs).map(([name, { shape }]) => `${name} ${shape}`)
    const key = `${media.kind} ${media.grid}; ${shapes.join('; ')}`
    const known = this.#recordings.get(key)
    if (known) return known
    const inputs: Record<string, Tensor> = {}
    let output = this.#gpu.none
    try {
      const allocate = (): void => {
        for (const [name, array] of Object.entries(media.inputs)) inputs[name] = this.#allocate(name, array)
      }
      await this.#gpu.guardAllocations('the encoder’s input', allocate, 'serving')
      const program = await recordProgram(this.#gpu, this.#pool, (step) => {
        output = this.#record(step, media.kind, media.grid, inputs)
        return output
      })
      const bytes = Object.values(inputs).reduce((sum, { dtype, shape }) => sum + byteSize(dtype, shape), 0)
      const recording = { program, inputs, output, bytes }
      this.#recordings.set(key, recording)
      return recording
    } catch (error) {
      for (const tensor of Object.values(inputs)) this.#gpu.destroyBuffer(bufferOf(tensor))
      throw error
    }
  }

  #allocate(name: string, { data, shape }: HostArray): Tensor {
    const dtype = data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u32'
    return this.#gpu.allocate(dtype, shape, `media input ${name}`)
  }
}
