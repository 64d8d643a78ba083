import { parseFlags, UsageError, wholeNumber } from '../../../cli/usage.ts'
import { type BenchShape, benchShapes } from './decoder/bench-shape.ts'
import type { BenchWork } from './page/measurement.ts'

/** Every configuration by its name on the command line, the strongest first: a run may be cut short. */
export const CONFIGURATIONS = [
  'native',
  'ort:static',
  'ort:capture',
  'ort:dynamic',
  'transformers:webgpu',
  'wllama',
  'transformers:wasm',
] as const
export type Configuration = (typeof CONFIGURATIONS)[number]

/** The shape's name for the embedded model with its own weights. */
export const EMBEDDED = 'ocellus-tiny-vl'

/** What the user asked for. */
export interface PeerPlan extends BenchWork {
  /** Undefined: the embedded model. */
  readonly shape: BenchShape | undefined
  readonly configurations: readonly Configuration[]
  /** How often all configurations run, one after the other, so that a machine's moods fall on all of them. */
  readonly rounds: number
  readonly out: string | undefined
  /** Seconds that one configuration may take. */
  readonly limit: number
  /** Seconds after which no other configuration is begun. */
  readonly deadline: number
  /** Without Ocellus. */
  readonly alone: boolean
  readonly verbose: boolean
}

export const peerHelp = `node test/bench/peers/run.mjs --shape S [flags]

Runs Ocellus and other engines on this machine's GPU (in software where there is none), one after the other with the same shape, each in a
fresh browser, and prints one table.

      --shape S            ${benchShapes.map(({ name }) => name).join(', ')}
                           with random weights; or ${EMBEDDED}: the embedded model with its own
      --context N          tokens in the cache at the end of an answer (default: 1024)
      --tokens N           of an answer (default: 128)
      --prefill N          of the prompt that measures prefill (default: 1024)
      --runs N             that count; median (default: 3)
      --rounds N           of all configurations, whose runs count together (default: 1)
      --peers P,P          ort, transformers, wllama, native, or single ones of
                           ${CONFIGURATIONS.join(', ')}
                           (default: all that are worth it; wasm alone takes minutes for a full-size shape)
      --out FILE           appends each row as a line of JSON
      --limit SECONDS      for one configuration (default: 300)
      --deadline SECONDS   after which none is begun (default: none)
      --alone              the peers without Ocellus, and so without ratios
      --verbose            what pages write to their consoles`

const flags = {
  shape: { type: 'string' },
  context: { type: 'string' },
  tokens: { type: 'string' },
  prefill: { type: 'string' },
  runs: { type: 'string' },
  rounds: { type: 'string' },
  peers: { type: 'string' },
  out: { type: 'string' },
  limit: { type: 'string' },
  deadline: { type: 'string' },
  alone: { type: 'boolean' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Reads the command line; undefined when help was asked for. software: the CPU plays GPU here. Errors: UsageError. */
export function peerPlan(args: readonly string[], software: boolean): PeerPlan | undefined {
  const { values, positionals } = parseFlags(args, flags)
  if (values.help) return undefined
  if (positionals.length > 0) throw new UsageError(`'${positionals[0]}' belongs to no flag; see --help.`)
  const shape = shapeOf(values.shape)
  const small = shape === undefined || shape.name.startsWith('tiny')
  const context = wholeNumber('context', values.context, 16) ?? (small ? 128 : 1024)
  const tokens = wholeNumber('tokens', values.tokens, 8) ?? (small ? 64 : 128)
  const prefill = wholeNumber('prefill', values.prefill, 2) ?? (small ? 64 : 1024)
  if (tokens >= context)
    throw new UsageError(`--tokens is ${tokens} and --context ${context}; an answer needs a prompt, so make the context longer.`)
  const room = shape?.sizes.maxPositions ?? 2048
  if (Math.max(context, prefill + 1) > room)
    throw new UsageError(`${values.shape} takes ${room} tokens; --context and --prefill must stay below.`)
  return {
    shape,
    context,
    tokens,
    prefill,
    runs: wholeNumber('runs', values.runs, 1) ?? 3,
    rounds: wholeNumber('rounds', values.rounds, 1) ?? 1,
    configurations: configurationsOf(values.peers, { small, embedded: shape === undefined, software }),
    out: values.out,
    limit: wholeNumber('limit', values.limit, 1) ?? 300,
    deadline: wholeNumber('deadline', values.deadline, 1) ?? Number.POSITIVE_INFINITY,
    alone: values.alone === true,
    verbose: values.verbose === true,
  }
}

function shapeOf(name: string | undefined): BenchShape | undefined {
  if (name === EMBEDDED) return undefined
  const shape = benchShapes.find((each) => each.name === name)
  if (shape) return shape
  const known = [...benchShapes.map((each) => each.name), EMBEDDED].join(', ')
  throw new UsageError(name === undefined ? `--shape is needed; one of ${known}.` : `--shape is '${name}'; it must be one of ${known}.`)
}

/** Where configurations are to run. */
interface Situation {
  readonly small: boolean
  /** The embedded model, whose weights only transformers.js gets. */
  readonly embedded: boolean
  readonly software: boolean
}

/** The configurations that a list names, in the order in which they run. Errors: UsageError. */
export function configurationsOf(list: string | undefined, { small, embedded, software }: Situation): Configuration[] {
  const names = (list ?? (embedded ? 'transformers' : 'ort,transformers,wllama,native')).split(',').map((name) => name.trim())
  const unknown = names.find((name) => !CONFIGURATIONS.some((each) => each === name || each.startsWith(`${name}:`)))
  if (unknown !== undefined) throw new UsageError(`--peers names '${unknown}'; it takes ort, transformers, ${CONFIGURATIONS.join(', ')}.`)
  const foreign = names.find((name) => embedded && !name.startsWith('transformers'))
  if (foreign !== undefined) throw new UsageError(`--peers names '${foreign}', but ${EMBEDDED} runs in transformers.js only; leave it out.`)
  // Minutes of waiting for what is known: a full-size shape decodes a token or two a second on wasm, and so does a GPU that the CPU plays.
  const slow = (each: Configuration): boolean =>
    (each === 'transformers:wasm' && !small) || (each === 'transformers:webgpu' && embedded && software)
  return CONFIGURATIONS.filter((each) => names.some((name) => each === name || (each.startsWith(`${name}:`) && !slow(each))))
}
