import type { Gpu } from '../gpu/device.ts'
import { bufferOf } from '../gpu/program.ts'
import type { Tensor } from '../gpu/tensor.ts'
import type { SamplerInputs } from '../layers/sampler.ts'
import type { PlanRow } from './plan.ts'
import { MAX_BIAS_ENTRIES, MAX_STOP_IDS, type ResolvedSampling } from './sampling.ts'
import { type Sections, sections } from './sections.ts'
import type { Sequence } from './sequence.ts'
import { bucket, type SamplePlace } from './step-inputs.ts'
import { TokenCountTable } from './token-count-table.ts'
import { TokenMaskTable } from './token-mask-table.ts'

/** Which sampling kernels a step needs; part of what a recording is made for. */
export interface SamplingVariant {
  readonly greedyOnly: boolean
  /** Likeliest tokens to report per row; -1: no log-probabilities. */
  readonly logprobs: number
  /** Room for this many bias entries; 0: none. */
  readonly biasEntries: number
  readonly counts: boolean
  /** Some rows follow a grammar. */
  readonly masks: boolean
}

const PARAMS = 8
/** Added to a logit that must not win. Finite, as infinite logits count as failed. */
const FORBIDDEN = -1e30
const ALWAYS = 0xffffffff
/** Params of a row whose sampled token nobody wants. */
const NEUTRAL = [0, 1, 0, 0, 1, 0, 0, 0]

type BiasEntry = readonly [token: number, value: number, until: number]

/** The numbers that sampling reads, by row of the step. They change only when the rows do, and are written only then. */
export class SamplingState {
  readonly #gpu: Gpu
  readonly #vocabulary: number
  readonly #maxSequences: number
  readonly #tensor: Tensor
  #counts: TokenCountTable | undefined
  #masks: TokenMaskTable | undefined
  #written: Uint32Array = new Uint32Array(0)

  /** maxRows: sampled rows per step at most. */
  constructor(gpu: Gpu, sizes: { maxRows: number; maxSequences: number; vocabulary: number }) {
    this.#gpu = gpu
    this.#vocabulary = sizes.vocabulary
    this.#maxSequences = sizes.maxSequences
    const { words } = layoutOf(bucket(sizes.maxRows), bucket(sizes.maxSequences * (MAX_BIAS_ENTRIES + 2 * MAX_STOP_IDS)))
    this.#tensor = gpu.allocate('u32', [words], 'sampling state')
  }

  variantOf(rows: readonly PlanRow[], places: readonly SamplePlace[]): SamplingVariant {
    const variant = { greedyOnly: true, logprobs: -1, biasEntries: 0, counts: false, masks: false }
    for (const { row, promptPlace } of places) {
      const { sequence } = rows[row] as PlanRow
      const { sampling } = sequence.init
      const wanted = promptPlace === undefined ? sampling.logprobs : sampling.promptLogprobs
      variant.logprobs = Math.max(variant.logprobs, Math.min(wanted ?? -1, this.#vocabulary))
      if (promptPlace !== undefined) continue
      if (sampling.temperature > 0) variant.greedyOnly = false
      if (hasPenalties(sampling)) variant.counts = true
      if (sequence.grammar) variant.masks = true
      variant.biasEntries += biasEntries(sequence).length
    }
    if (variant.biasEntries > 0) variant.biasEntries = bucket(variant.biasEntries)
    return variant
  }

  /** Puts the rows' numbers in place. Masks come later: see writeMasks. */
  update(rows: readonly PlanRow[], places: readonly SamplePlace[], sampleRows: number, variant: SamplingVariant): void {
    const layout = layoutOf(sampleRows, variant.biasEntries)
    const words = new Uint32Array(layout.words)
    const floats = new Float32Array(words.buffer)
    let entry = 0
    let masks = 0
    for (let i = 0; i < sampleRows; i++) {
      const place = places[i]
      const sequence = place && place.promptPlace === undefined ? rows[place.row]?.sequence : undefined
      floats.set(sequence ? paramsOf(sequence.init.sampling) : NEUTRAL, layout.params + i * PARAMS)
      if (variant.biasEntries > 0) words[layout.rowStart + i] = entry
      if (!sequence) continue
      const seed = BigInt.asUintN(64, sequence.init.sampling.seed + BigInt(sequence.init.index))
      words.set([Number(seed & 0xffffffffn), Number(seed >> 32n)], layout.seeds + 2 * i)
      if (sequence.grammar) words[layout.maskSlots + i] = ++masks
      if (hasPenalties(sequence.init.sampling)) words[layout.slots + i] = this.#countTable().slotOf(sequence)
      for (const [token, value, until] of biasEntries(sequence)) {
        words[layout.token + entry] = token
        floats[layout.value + entry] = value
        words[layout.until + entry++] = until
      }
    }
    if (variant.biasEntries > 0) words[layout.rowStart + sampleRows] = entry
    if (this.#written.length === words.length && words.every((word, i) => word === this.#written[i])) return
    this.#written = words
    this.#gpu.write(bufferOf(this.#tensor), 0, words)
  }

  /** Puts the masks of rows that follow a grammar in place; they are worked out now. */
  writeMasks(rows: readonly PlanRow[], places: readonly SamplePlace[]): void {
    const grammars = places.flatMap(({ row, promptPlace }) => (promptPlace === undefined ? (rows[row]?.sequence.grammar ?? []) : []))
    this.#maskTable().write(grammars.map(({ mask }) => mask))
  }

  /** What the sampler reads, for recording. */
  inputs(sampleRows: number, variant: SamplingVariant, step: { outputIndex: Tensor; forced: Tensor }): SamplerInputs {
    const layout = layoutOf(sampleRows, variant.biasEntries)
    const { storage } = this.#tensor
    const u32 = (at: number, shape: readonly number[]): Tensor => ({ storage, offset: at * 4, shape, dtype: 'u32' })
    const entries = [variant.biasEntries]
    return {
      ...step,
      params: { ...u32(layout.params, [sampleRows, PARAMS]), dtype: 'f32' },
      seeds: u32(layout.seeds, [sampleRows, 2]),
      bias:
        variant.biasEntries === 0
          ? undefined
          : {
              rowStart: u32(layout.rowStart, [sampleRows + 1]),
              token: u32(layout.token, entries),
              value: { ...u32(layout.value, entries), dtype: 'f32' },
              until: u32(layout.until, entries),
            },
      counts: variant.counts ? { table: this.#countTable().tensor, slot: u32(layout.slots, [sampleRows]) } : undefined,
      mask: variant.masks ? { table: this.#maskTable().tensor, slot: u32(layout.maskSlots, [sampleRows]) } : undefined,
      greedyOnly: variant.greedyOnly,
      logprobs: variant.logprobs,
    }
  }

  /** Forgets a sequence that has ended. */
  release(sequence: Sequence): void {
    this.#counts?.release(sequence)
  }

  /** Drops counts and masks; they are made again when a request next asks for them. */
  forget(): void {
    this.#counts?.destroy()
    this.#counts = undefined
    this.#masks?.destroy()
    this.#masks = undefined
  }

  /** Made when the first penalty is asked for: most requests have none, and it holds the vocabulary once per sequence. */
  #countTable(): TokenCountTable {
    this.#counts ??= new TokenCountTable(this.#gpu, this.#maxSequences, this.#vocabulary)
    return this.#counts
  }

  /** Made when the first grammar is asked for. */
  #maskTable(): TokenMaskTable {
    this.#masks ??= new TokenMaskTable(this.#gpu, this.#maxSequences, this.#vocabulary)
    return this.#masks
  }
}

function layoutOf(rows: number, entries: number) {
  const all: Sections = sections()
  const layout = {
    params: all.add(rows * PARAMS),
    seeds: all.add(rows * 2),
    slots: all.add(rows),
    maskSlots: all.add(rows),
    rowStart: all.add(rows + 1),
    token: all.add(entries),
    value: all.add(entries),
    until: all.add(entries),
  }
  return { ...layout, words: all.words }
}

const paramsOf = (s: ResolvedSampling): number[] => [
  s.temperature,
  s.topP,
  s.topK,
  s.minP,
  s.repetitionPenalty,
  s.presencePenalty,
  s.frequencyPenalty,
  0,
]

const hasPenalties = (s: ResolvedSampling): boolean => s.repetitionPenalty !== 1 || s.presencePenalty !== 0 || s.frequencyPenalty !== 0

/** logit_bias, and the stop ids as long as min_tokens has not been reached. */
function biasEntries({ init: { sampling } }: Sequence): BiasEntry[] {
  const entries = sampling.logitBias.map(([token, value]): BiasEntry => [token, value, ALWAYS])
  if (sampling.minTokens > 0) for (const token of sampling.stopIds) entries.push([token, FORBIDDEN, sampling.minTokens])
  return entries
}
