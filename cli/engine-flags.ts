import { readFileSync, statSync } from 'node:fs'
import type { EngineOptions } from '../src/protocol/engine-api.ts'
import type { Modality } from '../src/protocol/media.ts'
import { jsonObject, oneOf, UsageError, wholeNumber } from './usage.ts'

/** Flags that every command has, for parseFlags. */
export const engineFlags = {
  model: { type: 'string', short: 'm' },
  task: { type: 'string' },
  revision: { type: 'string' },
  'hf-token': { type: 'string' },
  'max-model-len': { type: 'string' },
  'max-num-seqs': { type: 'string' },
  'max-num-batched-tokens': { type: 'string' },
  'max-waiting-requests': { type: 'string' },
  'limit-mm-per-prompt': { type: 'string', multiple: true },
  'mm-processor-kwargs': { type: 'string' },
  'media-io-kwargs': { type: 'string' },
  'chat-template': { type: 'string' },
  dtype: { type: 'string' },
  quantization: { type: 'string', short: 'q' },
  seed: { type: 'string' },
  'kv-cache-memory-bytes': { type: 'string' },
  'no-enable-prefix-caching': { type: 'boolean' },
  'disable-features': { type: 'string' },
  'no-cache': { type: 'boolean' },
  'max-cache-bytes': { type: 'string' },
  chromium: { type: 'string' },
  headed: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** What parseFlags makes of engineFlags. */
export type EngineFlagValues = {
  [K in keyof typeof engineFlags]?:
    | ((typeof engineFlags)[K] extends { multiple: true }
        ? string[]
        : (typeof engineFlags)[K] extends { type: 'boolean' }
          ? boolean
          : string)
    | undefined
}

/** Their explanation, for --help. */
export const engineHelp = `Model
  -m, --model M                  Hub id, URL of a folder, or local folder (default: ocellus-tiny-vl, which comes with Ocellus)
      --task T                   what the model is loaded for: auto (which is generate), generate, embed
      --revision R               Hub branch, tag or commit
      --hf-token T               Hub access token (default: HF_TOKEN of the environment)
      --max-model-len N          longest sequence, prompt and answer together, in tokens
      --max-num-seqs N           requests advanced together
      --max-num-batched-tokens N tokens per step
      --max-waiting-requests N   requests that may wait for those; further ones are refused
      --limit-mm-per-prompt K=N  items per request, e.g. image=2; may be repeated
      --mm-processor-kwargs JSON options of the model's processor, e.g. '{"max_pixels": 200704}'
      --media-io-kwargs JSON     how media files are read, e.g. '{"video": {"num_frames": 8}}'; requests override it
      --chat-template FILE       Jinja template in place of the model's own
      --dtype D                  auto, float16, float32
  -q, --quantization Q           none, q8, q4
      --seed N                   seed of requests that give none
      --kv-cache-memory-bytes N
      --no-enable-prefix-caching
      --disable-features F       GPU features to leave unused, e.g. subgroups,shader-f16
      --no-cache                 keeps nothing of the model for the next run, and uses nothing that is kept
      --max-cache-bytes N        most that all kept models may take; see ocellus cache

Browser
      --chromium PATH            the Chromium to run (default: CHROMIUM of the environment, the system's, Playwright's)
      --headed                   shows its window
  -h, --help`

/** Engine options from flags, without those that were not given. Errors: UsageError. */
export function engineOptions(flags: EngineFlagValues): Omit<EngineOptions, 'model'> {
  const dtype = flags.dtype === 'half' ? 'float16' : flags.dtype === 'float' ? 'float32' : flags.dtype
  const task = oneOf('task', flags.task, ['auto', 'generate', 'embed'] as const)
  const options = {
    task: task === 'auto' ? undefined : task,
    revision: flags.revision,
    hf_token: flags['hf-token'] ?? process.env['HF_TOKEN'],
    max_model_len: wholeNumber('max-model-len', flags['max-model-len'], 1),
    max_num_seqs: wholeNumber('max-num-seqs', flags['max-num-seqs'], 1),
    max_num_batched_tokens: wholeNumber('max-num-batched-tokens', flags['max-num-batched-tokens'], 1),
    max_waiting_requests: wholeNumber('max-waiting-requests', flags['max-waiting-requests'], 1),
    limit_mm_per_prompt: mediaLimits(flags['limit-mm-per-prompt']),
    mm_processor_kwargs: jsonObject('mm-processor-kwargs', flags['mm-processor-kwargs']),
    media_io_kwargs: jsonObject('media-io-kwargs', flags['media-io-kwargs']) as EngineOptions['media_io_kwargs'],
    chat_template: chatTemplate(flags['chat-template']),
    dtype: oneOf('dtype', dtype, ['auto', 'float16', 'float32'] as const),
    quantization: oneOf('quantization', flags.quantization, ['none', 'q8', 'q4'] as const),
    seed: wholeNumber('seed', flags.seed, 0),
    kv_cache_memory_bytes: wholeNumber('kv-cache-memory-bytes', flags['kv-cache-memory-bytes'], 1),
    disable_features: flags['disable-features']?.split(',').map((feature) => feature.trim()),
    cache: flags['no-cache'] ? false : undefined,
    max_cache_bytes: wholeNumber('max-cache-bytes', flags['max-cache-bytes'], 0),
    enable_prefix_caching: flags['no-enable-prefix-caching'] ? false : undefined,
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** `image=2`, `image=2,video=1` or vLLM's JSON form, any number of them. */
function mediaLimits(values: readonly string[] | undefined): Partial<Record<Modality, number>> | undefined {
  if (!values) return undefined
  const limits: Partial<Record<Modality, number>> = {}
  const pairs = values.flatMap((value) =>
    value.trimStart().startsWith('{')
      ? Object.entries(jsonObject('limit-mm-per-prompt', value) ?? {}).map(([key, count]) => `${key}=${count}`)
      : value.split(','),
  )
  for (const pair of pairs) {
    const [, kind, count] = /^\s*(image|video|audio)=(\d+)\s*$/.exec(pair) ?? []
    if (!kind) throw new UsageError(`--limit-mm-per-prompt has '${pair}'; write image=2, video=1 or audio=1.`)
    limits[kind as Modality] = Number(count)
  }
  return limits
}

/** vLLM takes a file or the template itself. */
function chatTemplate(value: string | undefined): string | undefined {
  if (value === undefined) return undefined
  if (statSync(value, { throwIfNoEntry: false })?.isFile()) return readFileSync(value, 'utf8')
  if (/\{[{%]/.test(value)) return value
  throw new UsageError(`--chat-template is '${value}', which is neither a file nor a Jinja template.`)
}
