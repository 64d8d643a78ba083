import { writeFileSync } from 'node:fs'
import { type RowSink, rowSink } from './bench-rows.ts'
import type { BenchPlan } from './bench-runs.ts'
import { BENCH_PARTS, type BenchPart, benchShape } from './bench-shape.ts'
import { VARIANTS } from './bench-variants.ts'
import { type EngineFlagValues, engineOptions } from './engine-flags.ts'
import type { Session } from './session.ts'
import { fullShapes, tinyShapes } from './shapes/all-shapes.ts'
import type { ModelShape } from './shapes/shape.ts'
import { log } from './terminal.ts'
import { oneOf, UsageError, wholeNumber } from './usage.ts'

/** Flags of bench for shapes, for parseFlags. */
export const shapeFlags = {
  shape: { type: 'string' },
  random: { type: 'boolean' },
  reload: { type: 'boolean' },
  contexts: { type: 'string' },
  batches: { type: 'string' },
  prefill: { type: 'string' },
  sides: { type: 'string' },
  seconds: { type: 'string' },
  only: { type: 'string' },
  'compare-features': { type: 'boolean' },
  'json-file': { type: 'string' },
} as const

export const shapeHelp = `Full-size shapes
      --shape S --random         in place of a model: the architecture of a released one with random weights, one of
                                 ${fullShapes.map(({ name }) => name).join(', ')};
                                 with tiny_ before it, small enough for any machine
                                 (weights q4 unless --quantization says otherwise)
      --contexts N,N             prompt and answer together, where decoding is measured (default: 128,1024,4096)
      --prefill N,N              lengths of prompts (default: 1024)
      --batches N,N              sequences side by side (default: 1,4,16)
      --sides N,N                pictures, in pixels of a side (default: 448,896,1344)
      --seconds N,N              sounds, for models that hear (default: 5,30)
      --only P,P                 parts to measure: ${BENCH_PARTS.join(', ')}
      --compare-features         everything once more without subgroup matrices, without subgroups and without shader-f16,
                                 as far as the adapter has them
      --reload                   loads it a second time, from what the first left in the browser's storage; nothing stays there
      --json FILE                each figure as a line of JSON, written as it is found`

/** What parseFlags makes of shapeFlags and of what else bench has. */
export interface ShapeFlagValues extends EngineFlagValues {
  readonly shape?: string | undefined
  readonly random?: boolean | undefined
  readonly reload?: boolean | undefined
  readonly contexts?: string | undefined
  readonly batches?: string | undefined
  readonly prefill?: string | undefined
  readonly sides?: string | undefined
  readonly seconds?: string | undefined
  readonly only?: string | undefined
  readonly 'compare-features'?: boolean | undefined
  readonly 'json-file'?: string | undefined
  readonly json?: boolean | undefined
  readonly runs?: string | undefined
  readonly 'output-tokens'?: string | undefined
  readonly profile?: boolean | undefined
  readonly trace?: string | undefined
}

/** `--json FILE` as `--json-file FILE`: the flag alone prints, and parseArgs knows no flag that may have a value. */
export const jsonToFile = (args: readonly string[]): string[] =>
  args.flatMap((arg, i) => {
    if (arg.startsWith('--json=')) return [`--json-file=${arg.slice(7)}`]
    const next = args[i + 1]
    return [arg === '--json' && next !== undefined && !next.startsWith('-') ? '--json-file' : arg]
  })

/** Measures a shape and gives the exit status. args: as they were typed. Errors: UsageError, the library's by name. */
export async function benchShapeFlags(
  flags: ShapeFlagValues,
  args: readonly string[],
  onSession: (session: Session) => void,
): Promise<number> {
  const shape = shapeOf(flags)
  const file = flags['json-file']
  const engine = engineOptions(flags)
  const options = {
    ...{ shape, log, onSession, trace: flags.trace, chromium: flags.chromium, headed: flags.headed },
    command: ['ocellus bench', ...args].join(' '),
    plan: planOf(flags),
    parts: partsOf(flags.only),
    reload: flags.reload === true,
    engine: { ...engine, ...((flags.profile || flags.trace !== undefined) && { profile: true }) },
  }
  if (file !== undefined) writeFileSync(file, '')
  const sinkFor = (variant: string | undefined): RowSink =>
    rowSink(
      { shape: shape.name, ...(variant && { variant }), ...(options.engine.profile && { profile: true }) },
      file,
      (line) => console.log(line),
      flags.json === true,
    )
  if (!flags['compare-features']) return (await benchShape({ ...options, onRow: sinkFor(undefined) })).ok ? 0 : 1
  if (flags.trace !== undefined) throw new UsageError('--trace writes one trace; give it without --compare-features.')
  let ok = true
  let features: readonly string[] | undefined
  for (const { name, without, needs } of VARIANTS) {
    const onRow = sinkFor(name)
    if (!flags.json) console.log(`\n${name}`)
    if (needs && features && !features.includes(needs)) {
      onRow({ row: 'skipped', reason: `this adapter has no ${needs}` })
      continue
    }
    const disable_features = [...(engine.disable_features ?? []), ...without]
    const result = await benchShape({ ...options, onRow, engine: { ...options.engine, disable_features } })
    ok &&= result.ok
    features ??= result.adapter?.features
  }
  return ok ? 0 : 1
}

function shapeOf({ shape: name, random, model }: ShapeFlagValues): ModelShape {
  if (model !== undefined) throw new UsageError(`--shape is ${name} and --model is ${model}; give one of them.`)
  const shape = [...fullShapes, ...tinyShapes].find((each) => each.name === name)
  if (!shape) throw new UsageError(`--shape is '${name}'; it must be one of ${fullShapes.map((each) => each.name).join(', ')}.`)
  if (!random) throw new UsageError(`--shape ${name} has no weights of its own; add --random for random ones.`)
  return shape
}

/** What is measured if nothing else is asked for, and what is. Errors: UsageError. */
export function planOf(flags: ShapeFlagValues): BenchPlan {
  const outputTokens = wholeNumber('output-tokens', flags['output-tokens'], 8) ?? 64
  return {
    outputTokens,
    // The prompt takes at least one of them.
    contexts: numbers('contexts', flags.contexts, outputTokens + 1) ?? [128, 1024, 4096].filter((context) => context > outputTokens),
    prefill: numbers('prefill', flags.prefill, 1) ?? [1024],
    batches: numbers('batches', flags.batches, 1) ?? [1, 4, 16],
    sides: numbers('sides', flags.sides, 28) ?? [448, 896, 1344],
    seconds: numbers('seconds', flags.seconds, 1) ?? [5, 30],
    runs: wholeNumber('runs', flags.runs, 1) ?? 3,
  }
}

function partsOf(list: string | undefined): readonly BenchPart[] {
  if (list === undefined) return BENCH_PARTS
  return list.split(',').map((part) => oneOf('only', part.trim(), BENCH_PARTS) as BenchPart)
}

function numbers(flag: string, list: string | undefined, least: number): number[] | undefined {
  return list?.split(',').map((value) => wholeNumber(flag, value, least) as number)
}
