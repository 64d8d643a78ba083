import type { GrammarSpec } from '../grammar/index.ts'
import type { SamplingParams } from '../protocol/sampling.ts'
import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'
import { resolveStructuredOutputs } from './structured-outputs.ts'

/** Sampling parameters with every default filled in. */
export interface ResolvedSampling {
  readonly n: number
  /** 0 is greedy. */
  readonly temperature: number
  readonly topP: number
  /** 0: all. */
  readonly topK: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly presencePenalty: number
  readonly frequencyPenalty: number
  /** 64 bits. Continuation i adds i. */
  readonly seed: bigint
  readonly stop: readonly string[]
  /** Stop ids of the request and, unless ignore_eos, the model's end tokens. */
  readonly stopIds: ReadonlySet<number>
  /** The model's end tokens among stopIds: they end a text without being named as the reason. */
  readonly endIds: ReadonlySet<number>
  readonly minTokens: number
  /** Undefined: up to max_model_len. */
  readonly maxTokens: number | undefined
  /** Likeliest tokens to report; undefined: no log-probabilities. */
  readonly logprobs: number | undefined
  readonly promptLogprobs: number | undefined
  readonly logitBias: readonly (readonly [token: number, value: number])[]
  readonly skipSpecialTokens: boolean
  readonly includeStopString: boolean
  /** What the text must look like; undefined: anything. */
  readonly grammar: GrammarSpec | undefined
}

/** What a request's sampling is resolved against. */
export interface SamplingContext {
  readonly vocabulary: number
  readonly endTokens: readonly number[]
  /** generation_config.json, whose values stand in for those a request leaves out, as in vLLM's server. */
  readonly generationConfig: Readonly<Record<string, unknown>> | undefined
  /** max_tokens of a request that gives none. */
  readonly defaultMaxTokens: number | undefined
  /** Seed of a request that gives none. */
  readonly defaultSeed: bigint
}

/** Sequences per prompt, at most. */
const MAX_N = 16
/** Log-probabilities per token, at most, as vLLM's max_logprobs. */
const MAX_LOGPROBS = 20
/** Entries of logit_bias that one request may bring. */
export const MAX_BIAS_ENTRIES = 1024
/** Entries of stop_token_ids that one request may bring. */
export const MAX_STOP_IDS = 128
/** Below this a temperature is greedy (vLLM). */
const GREEDY_BELOW = 1e-5
/** Positive temperatures are raised to this, so that logits over temperature stay finite (vLLM). */
const MIN_TEMPERATURE = 0.01

/** Smaller than the likeliest token of any vocabulary can be, so that it alone is left, and no zero in float32. */
const MIN_TOP_P = 1e-6
/** A repetition penalty beyond this, or below its inverse, changes no choice any more but may overflow. */
const MAX_PENALTY = 1e6

interface Range {
  readonly test: (value: number) => boolean
  /** Completes 'top_p must be …, got 3.' */
  readonly words: string
  readonly integer?: boolean
}

const RANGES: Readonly<Record<string, Range>> = {
  n: { test: (v) => v >= 1 && v <= MAX_N, words: `an integer from 1 to ${MAX_N}`, integer: true },
  temperature: { test: (v) => v >= 0, words: 'non-negative' },
  top_p: { test: (v) => v > 0 && v <= 1, words: 'in (0, 1]' },
  top_k: { test: (v) => v >= -1, words: '0 or -1 (disable), or an integer of at least 1', integer: true },
  min_p: { test: (v) => v >= 0 && v <= 1, words: 'in [0, 1]' },
  seed: { test: () => true, words: 'an integer', integer: true },
  max_tokens: { test: (v) => v >= 1, words: 'an integer of at least 1', integer: true },
  min_tokens: { test: (v) => v >= 0, words: 'an integer greater than or equal to 0', integer: true },
  logprobs: { test: (v) => v >= 0 && v <= MAX_LOGPROBS, words: `an integer from 0 to ${MAX_LOGPROBS}`, integer: true },
  prompt_logprobs: { test: (v) => v >= 0 && v <= MAX_LOGPROBS, words: `an integer from 0 to ${MAX_LOGPROBS}`, integer: true },
  presence_penalty: { test: (v) => v >= -2 && v <= 2, words: 'in [-2, 2]' },
  frequency_penalty: { test: (v) => v >= -2 && v <= 2, words: 'in [-2, 2]' },
  repetition_penalty: { test: (v) => v > 0, words: 'greater than zero' },
}

const FLAGS = ['ignore_eos', 'skip_special_tokens', 'include_stop_str_in_output'] as const

function fail(name: string, allowed: string, given: unknown): never {
  throw invalidRequestError(`${name} must be ${allowed}, got ${showValue(given)}.`)
}

/**
 * Checks a request's sampling parameters by vLLM's rules and fills in the defaults: the request's own value, else the
 * checkpoint's generation_config.json, else vLLM's.
 * Errors: InvalidRequestError naming the field, its value and what is allowed.
 */
export function resolveSampling(params: SamplingParams, context: SamplingContext): ResolvedSampling {
  checkNumbers(params)
  for (const name of FLAGS) {
    const value: unknown = params[name]
    if (value != null && typeof value !== 'boolean') fail(name, 'true or false', value)
  }
  const number = (name: NumberField, fallback: number): number => params[name] ?? generationDefault(context, name) ?? fallback
  const temperature = number('temperature', 1)
  const greedy = temperature < GREEDY_BELOW
  const stopTokens = idList('stop_token_ids', params.stop_token_ids, context.vocabulary)
  const endIds = new Set(params.ignore_eos ? [] : context.endTokens)
  const resolved: ResolvedSampling = {
    n: params.n ?? 1,
    temperature: greedy ? 0 : Math.max(temperature, MIN_TEMPERATURE),
    topP: greedy ? 1 : Math.max(MIN_TOP_P, number('top_p', 1)),
    topK: greedy ? 0 : Math.max(0, number('top_k', 0)),
    minP: greedy ? 0 : number('min_p', 0),
    repetitionPenalty: Math.min(MAX_PENALTY, Math.max(1 / MAX_PENALTY, number('repetition_penalty', 1))),
    presencePenalty: params.presence_penalty ?? 0,
    frequencyPenalty: params.frequency_penalty ?? 0,
    seed: params.seed == null || params.seed === -1 ? context.defaultSeed : BigInt.asUintN(64, BigInt(params.seed)),
    stop: stopList(params.stop),
    stopIds: new Set([...stopTokens, ...endIds]),
    endIds,
    minTokens: params.min_tokens ?? 0,
    maxTokens: params.max_tokens ?? context.defaultMaxTokens,
    logprobs: params.logprobs ?? undefined,
    promptLogprobs: params.prompt_logprobs ?? undefined,
    logitBias: biasList(params.logit_bias, context.vocabulary),
    skipSpecialTokens: params.skip_special_tokens ?? true,
    includeStopString: params.include_stop_str_in_output ?? false,
    grammar: resolveStructuredOutputs(params.structured_outputs),
  }
  if (greedy && resolved.n > 1) throw invalidRequestError(`n must be 1 when using greedy sampling (temperature 0), got ${resolved.n}.`)
  if (resolved.maxTokens !== undefined && resolved.minTokens > resolved.maxTokens) {
    throw invalidRequestError(`min_tokens must be less than or equal to max_tokens=${resolved.maxTokens}, got ${resolved.minTokens}.`)
  }
  return resolved
}

type NumberField = 'temperature' | 'top_p' | 'top_k' | 'min_p' | 'repetition_penalty'

/** A value of generation_config.json. One that is out of range is the checkpoint's fault and is passed over. */
function generationDefault(context: SamplingContext, name: NumberField): number | undefined {
  const value = context.generationConfig?.[name]
  return typeof value === 'number' && isAllowed(value, RANGES[name] as Range) ? value : undefined
}

const isAllowed = (value: number, range: Range): boolean =>
  (range.integer ? Number.isSafeInteger(value) : Number.isFinite(value)) && range.test(value)

function checkNumbers(params: SamplingParams): void {
  for (const [name, range] of Object.entries(RANGES)) {
    const value = (params as Readonly<Record<string, unknown>>)[name]
    if (value == null) continue
    if (typeof value !== 'number' || !isAllowed(value, range)) fail(name, range.words, value)
  }
}

function stopList(stop: SamplingParams['stop']): readonly string[] {
  const list: readonly unknown[] = stop == null ? [] : typeof stop === 'string' ? [stop] : Array.isArray(stop) ? stop : [stop]
  for (const item of list) {
    if (typeof item !== 'string') fail('stop', 'a string or a list of strings', stop)
    if (item === '') throw invalidRequestError('stop cannot contain an empty string.')
  }
  return list as readonly string[]
}

function idList(name: string, ids: readonly number[] | undefined, vocabulary: number): readonly number[] {
  if (ids == null) return []
  if (!Array.isArray(ids)) fail(name, 'a list of token ids', ids)
  if (ids.length > MAX_STOP_IDS) throw invalidRequestError(`${name} may have at most ${MAX_STOP_IDS} entries, got ${ids.length}.`)
  for (const id of ids) if (!isToken(id, vocabulary)) fail(name, `a list of token ids from 0 to ${vocabulary - 1}`, id)
  return ids
}

/** Values beyond ±100 are cut to it, as in vLLM. */
function biasList(bias: SamplingParams['logit_bias'], vocabulary: number): ResolvedSampling['logitBias'] {
  if (bias == null) return []
  if (typeof bias !== 'object' || Array.isArray(bias)) fail('logit_bias', 'an object of token ids and numbers', bias)
  const entries = Object.entries(bias)
  if (entries.length > MAX_BIAS_ENTRIES)
    throw invalidRequestError(`logit_bias may have at most ${MAX_BIAS_ENTRIES} entries, got ${entries.length}.`)
  return entries.map(([key, value]) => {
    if (!/^\d+$/.test(key) || !isToken(Number(key), vocabulary)) fail('logit_bias', `keyed by token ids from 0 to ${vocabulary - 1}`, key)
    if (typeof value !== 'number' || Number.isNaN(value)) fail(`logit_bias[${key}]`, 'a number from -100 to 100', value)
    return [Number(key), Math.min(100, Math.max(-100, value))]
  })
}

const isToken = (id: unknown, vocabulary: number): boolean => Number.isInteger(id) && Number(id) >= 0 && Number(id) < vocabulary
