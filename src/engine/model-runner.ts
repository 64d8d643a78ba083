import type { Gpu } from '../gpu/device.ts'
import type { Profiler } from '../gpu/profiler.ts'
import { bufferOf, type Program, recordProgram } from '../gpu/program.ts'
import { createScratchPool, type ScratchPool } from '../gpu/scratch-pool.ts'
import type { Step } from '../gpu/step.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { CacheUse } from '../gpu/traffic.ts'
import { advance, ringWidth } from '../kernels/advance.ts'
import { countTokens } from '../kernels/count-tokens.ts'
import { MASK_KERNEL } from '../kernels/token-mask.ts'
import type { Batch, KvLayer } from '../layers/batch.ts'
import { sample } from '../layers/sampler.ts'
import { LruMap } from '../util/lru-map.ts'
import { BlockTable } from './block-table.ts'
import { readbackError } from './device-loss.ts'
import type { EncoderCache } from './encoder-cache.ts'
import { MediaEncoder, type RecordEncoder } from './media-encoder.ts'
import { type EncodeJob, isDecode, type Plan } from './plan.ts'
import { ReadbackRing } from './readback-ring.ts'
import { SamplingState, type SamplingVariant } from './sampling-state.ts'
import type { Sequence } from './sequence.ts'
import { bucket, layoutOf, packStep, type SamplePlace, type StepShape, samplePlaces, shapeOf, stepTensors } from './step-inputs.ts'
import { type RowOutput, readHidden, readRing } from './step-output.ts'
import { MAX_STEPS } from './step-pacer.ts'

/** What the engine needs of whatever computes steps. */
export interface Runner {
  /** Encodes a media item into the encoder cache, ahead of all later steps. */
  encode(job: EncodeJob): Promise<void>
  /** Starts a plan. `finished` resolves with what it found, in the order of the plan's rows. */
  start(plan: Plan): Promise<StepUnderWay>
  /** Starts a plan of the same rows behind decode steps whose results are not here yet. */
  follow(plan: Plan): Promise<StepUnderWay>
  /** Forgets a sequence that has ended. */
  release(sequence: Sequence): void
}

/** A submit that has been made; `finished` rejects when the GPU could not run it. */
export interface StepUnderWay {
  readonly finished: Promise<readonly RowOutput[]>
}

/** A loaded model, as far as running it goes. */
export interface RunnableModel {
  /** Chooses no tokens: its hidden states are what is wanted. */
  readonly pools: boolean
  /** f32 logits [sampleRows, vocabulary], or hidden states [sampleRows, hidden] of a model that pools. */
  forward(step: Step, batch: Batch): Tensor
  encode: RecordEncoder
  readonly kv: readonly KvLayer[]
  readonly hidden: number
  readonly vocabulary: number
}

/** Sizes that state is laid out for; see EngineConfig. */
export interface RunnerSizes {
  readonly maxSequences: number
  readonly maxBatchedTokens: number
  readonly maxPromptRows: number
  readonly tableColumns: number
  readonly mediaRows: number
}

/** Recordings kept. Each holds its bind groups and uniforms; scratch memory is shared by all. */
const RECORDINGS = 96
/** Most log-probabilities per token. */
const MAX_TOP = 20
/**
 * Splits of decode attention by the longest sequence, tokens. Few steps: at each one a growing sequence needs another recording. On an H200
 * 12 heads over 1024 tokens take 17 µs in 8 splits, 14 in 16; over 4096 26 and 21.
 */
const KV_SPLITS: readonly (readonly [longest: number, splits: number])[] = [
  [512, 4],
  [2048, 8],
  [Number.POSITIVE_INFINITY, 16],
]

/** The recording under way, which `follow` goes on with. */
interface Current {
  readonly shape: StepShape
  readonly variant: SamplingVariant
  readonly places: readonly SamplePlace[]
}

/** A step's program, and the hidden states it ends with if the model pools. */
interface Recording {
  readonly program: Program
  readonly hidden: Tensor | undefined
}

/** Packs plans into GPU state, records a program for each shape once, and replays it. */
export class ModelRunner implements Runner {
  readonly #gpu: Gpu
  readonly #model: RunnableModel
  readonly #sizes: RunnerSizes
  readonly #media: EncoderCache
  readonly #pool: ScratchPool
  readonly #encoder: MediaEncoder
  readonly #blocks: BlockTable
  readonly #sampling: SamplingState
  readonly #state: Tensor
  readonly #ring: Tensor
  readonly #readback: ReadbackRing
  readonly #programs = new LruMap<string, Recording>({ capacity: RECORDINGS, onDrop: ({ program }) => program.destroy() })
  readonly #profiler: Profiler | undefined
  #current: Current | undefined

  constructor(gpu: Gpu, model: RunnableModel, sizes: RunnerSizes, media: EncoderCache, profiler?: Profiler) {
    this.#gpu = gpu
    this.#model = model
    this.#sizes = sizes
    this.#media = media
    this.#profiler = profiler
    // Keys and values are float32 where everything is to be.
    if (model.kv.some(({ k }) => k.dtype === 'f32')) gpu.keepExact()
    this.#pool = createScratchPool(gpu)
    this.#encoder = new MediaEncoder(gpu, this.#pool, { rows: sizes.mediaRows, hidden: model.hidden }, model.encode, profiler)
    this.#blocks = new BlockTable(gpu, sizes.maxSequences, sizes.tableColumns)
    const sampleRows = bucket(sizes.maxPromptRows + sizes.maxSequences)
    this.#sampling = new SamplingState(gpu, { maxRows: sampleRows, maxSequences: sizes.maxSequences, vocabulary: model.vocabulary })
    const tokens = bucket(Math.max(sizes.maxBatchedTokens, sizes.maxSequences))
    const largest = layoutOf({ tokens, sequences: sizes.maxSequences, sampleRows, tiles: bucket(tokens), decode: false })
    this.#state = gpu.allocate('u32', [largest.words], 'step state')
    this.#ring = gpu.allocate('u32', [Math.max(sampleRows, MAX_STEPS * sizes.maxSequences) * ringWidth(MAX_TOP)], 'ring')
    const hiddenBytes = model.pools ? sampleRows * model.hidden * 4 : 0
    this.#readback = new ReadbackRing(gpu, Math.max(this.#ring.storage.bytes, hiddenBytes))
  }

  encode(job: EncodeJob): Promise<void> {
    return this.#encoder.encode(job)
  }

  async start(plan: Plan): Promise<StepUnderWay> {
    const places = samplePlaces(plan.rows)
    const shape = shapeOf(plan.rows, places.length, this.#sizes.maxBatchedTokens)
    const variant = this.#sampling.variantOf(plan.rows, places)
    this.#current = { shape, variant, places }
    const recording = await this.#recordingFor(this.#current, longestOf(plan))
    const began = performance.now()
    const mediaRows = (key: string) => {
      const rows = this.#media.find(key)
      if (!rows) throw new Error(`media ${key} has left the encoder cache too early`)
      return rows
    }
    this.#gpu.write(bufferOf(this.#state), 0, packStep(plan.rows, places, shape, { mediaRows, paddingRow: this.#blocks.paddingRow }))
    this.#sampling.update(plan.rows, places, shape.sampleRows, variant)
    return this.#submit(plan, recording, this.#current, began)
  }

  async follow(plan: Plan): Promise<StepUnderWay> {
    const current = this.#current
    if (!current?.shape.decode) throw new Error('only decode steps can be followed')
    const recording = await this.#recordingFor(current, longestOf(plan))
    const began = performance.now()
    this.#gpu.write(bufferOf(this.#state), layoutOf(current.shape).iteration * 4, new Uint32Array(1))
    return this.#submit(plan, recording, current, began)
  }

  release(sequence: Sequence): void {
    this.#sampling.release(sequence)
  }

  /** Drops every recording and the memory they share. Some of it may be invalid, after an error that the GPU told too late. */
  forget(): void {
    this.#programs.clear()
    this.#encoder.forget()
    this.#pool.destroy()
    this.#sampling.forget()
  }

  #submit(plan: Plan, { program, hidden }: Recording, { shape, variant, places }: Current, began: number): StepUnderWay {
    this.#blocks.update(plan.rows)
    const encoder = variant.masks ? this.#encodeMasked(plan, program, places) : this.#encodeSteps(plan, program)
    const width = hidden ? this.#model.hidden : plan.steps * ringWidth(variant.logprobs)
    const source = hidden ?? this.#ring
    const read = this.#readback.copy(encoder, bufferOf(source), shape.sampleRows * width * 4, source.offset)
    this.#gpu.submit([encoder.finish()])
    const submitted = performance.now()
    this.#gpu.counters.stepMilliseconds += submitted - began
    this.#profiler?.note('cpu', { name: labelOf(plan), start: began, end: submitted })
    const what = { rows: plan.rows, places, sampleRows: shape.sampleRows, steps: plan.steps, top: variant.logprobs }
    const finished = read()
      .catch(async (error: unknown) => {
        throw await readbackError(this.#gpu.device, error)
      })
      .then(async (bytes) => {
        this.#profiler?.note('wait', { name: 'results', start: submitted, end: performance.now() })
        await this.#profiler?.collect()
        if (hidden) return readHidden(new Float32Array(bytes), { rows: plan.rows, places, width })
        return readRing(new Uint32Array(bytes), what)
      })
    return { finished }
  }

  #encodeSteps(plan: Plan, program: Program): GPUCommandEncoder {
    const { steps } = plan
    const encoder = this.#gpu.device.createCommandEncoder({ label: 'step' })
    if (this.#profiler) {
      const label = labelOf(plan)
      for (let i = 0; i < steps; i++) this.#profiler.encode(program, encoder, { label, cache: this.#cacheUse(plan, i) })
    } else {
      const pass = encoder.beginComputePass({ label: 'step' })
      for (let i = 0; i < steps; i++) program.encode(pass)
      pass.end()
    }
    return encoder
  }

  /** Shares of the cache that a step of the plan reads and writes. */
  #cacheUse({ rows }: Plan, step: number): CacheUse {
    const [blocks = 0, , tokens = 0] = this.#model.kv[0]?.k.shape ?? []
    const capacity = Math.max(1, blocks * tokens)
    const written = tokensOf(rows)
    return { read: (rows.reduce((sum, { start }) => sum + start + step, 0) + written) / capacity, written: written / capacity }
  }

  /** One step: the GPU sets out to compute the logits, and meanwhile their masks are worked out here. */
  #encodeMasked(plan: Plan, program: Program, places: readonly SamplePlace[]): GPUCommandEncoder {
    const first = program.names.indexOf(MASK_KERNEL)
    if (!this.#profiler) this.#gpu.submit([this.#encodePart(program, 0, first).finish()])
    this.#sampling.writeMasks(plan.rows, places)
    return this.#profiler ? this.#encodeSteps(plan, program) : this.#encodePart(program, first, program.dispatchCount)
  }

  #encodePart(program: Program, begin: number, end: number): GPUCommandEncoder {
    const encoder = this.#gpu.device.createCommandEncoder({ label: 'part of a step' })
    const pass = encoder.beginComputePass({ label: 'part of a step' })
    for (let i = begin; i < end; i++) program.encodeOne(pass, i)
    pass.end()
    return encoder
  }

  async #recordingFor({ shape, variant }: Current, longest: number): Promise<Recording> {
    const kvSplits = shape.tokens === shape.sequences ? splitsFor(longest) : 1
    const key = JSON.stringify([shape, variant, kvSplits])
    const known = this.#programs.get(key)
    if (known) return known
    let hidden: Tensor | undefined
    const program = await recordProgram(this.#gpu, this.#pool, (step) => {
      hidden = this.#record(step, shape, variant, kvSplits)
      return hidden
    })
    const recording = { program, hidden }
    this.#programs.set(key, recording)
    return recording
  }

  #record(step: Step, shape: StepShape, variant: SamplingVariant, kvSplits: number): Tensor | undefined {
    const layout = layoutOf(shape)
    const { outputIndex, forced, ...tensors } = stepTensors(this.#state.storage, shape, layout)
    const { tokens, sequences, sampleRows, decode } = shape
    const batch: Batch = {
      ...{ tokens, sequences, sampleRows, decode, kvSplits },
      ...tensors,
      blockTable: this.#blocks.tensor,
      media: this.#encoder.rows,
      kv: this.#model.kv,
    }
    const logits = this.#model.forward(step, batch)
    if (this.#model.pools) return logits
    const inputs = this.#sampling.inputs(sampleRows, variant, { outputIndex, forced })
    const { tokenIds: sampled, logprobs } = sample(step, logits, inputs)
    if (inputs.counts) countTokens(step, sampled, inputs.counts)
    const top = variant.logprobs
    advance(step, { sampled, logprobs, top, state: this.#state, places: layout, tokens, decode, ring: this.#ring })
    return undefined
  }
}

const tokensOf = (rows: Plan['rows']): number => rows.reduce((sum, { count }) => sum + count, 0)

/** What traces call a step. */
const labelOf = ({ rows }: Plan): string => (isDecode(rows) ? `decode of ${rows.length}` : `prefill of ${tokensOf(rows)} tokens`)

/** Tokens in the longest sequence when the plan is done. */
const longestOf = (plan: Plan): number => Math.max(...plan.rows.map(({ start, count }) => start + count * plan.steps))

const splitsFor = (longest: number): number => KV_SPLITS.find(([most]) => longest <= most)?.[1] ?? 1
