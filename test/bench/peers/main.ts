import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { hasGpu } from '../../../cli/chromium.ts'
import { UsageError } from '../../../cli/usage.ts'
import { q4Bytes } from './decoder/bench-shape.ts'
import { embeddedOcellus, embeddedPeers } from './embedded-runs.ts'
import { benchOcellus } from './ocellus-child.ts'
import type { Measurement } from './page/measurement.ts'
import { type Configuration, EMBEDDED, type PeerPlan, peerHelp, peerPlan } from './peer-flags.ts'
import { isInstalled, type Places } from './peer-packages.ts'
import { appendRow, comparedTo, failedRow, joinedRounds, measuredRow, type PeerName, type PeerRow, type RunHead } from './peer-row.ts'
import { nameOf, PeerRuns, runPeer } from './peer-run.ts'
import { allRight, peerTable } from './peer-table.ts'

/** Runs the command and gives its exit status: 1 if a check failed, 2 for what cannot be understood. */
export async function main(args: readonly string[], places: Places): Promise<number> {
  try {
    const plan = peerPlan(args, !hasGpu())
    if (plan) return await runAll(plan, places)
    console.log(peerHelp)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(error.message)
    return 2
  }
}

async function runAll(plan: PeerPlan, places: Places): Promise<number> {
  if (!isInstalled(places, 'ort') && !isInstalled(places, 'transformers')) {
    throw new UsageError(`The peers are not installed in ${places.peers}. Run: npm ci --prefix test/bench/peers`)
  }
  const runs = await PeerRuns.start(places, plan.verbose ? (line) => console.error(`page: ${line}`) : undefined)
  const sink = new RowSink(plan)
  try {
    for (let round = 0; round < plan.rounds; round++) {
      await (plan.shape ? runShape(runs, plan, plan.shape, sink) : runEmbedded(runs, plan, sink))
    }
  } finally {
    await runs.close()
  }
  console.log(`\n${title(plan)}\n${peerTable(joinedRounds(sink.rows))}`)
  return allRight(sink.rows) ? 0 : 1
}

async function runShape(runs: PeerRuns, plan: PeerPlan, shape: NonNullable<PeerPlan['shape']>, sink: RowSink): Promise<void> {
  const ocellus = { engine: 'Ocellus', version: versionOf(runs.places), mode: '' }
  if (!plan.alone) await sink.add(ocellus, (limit) => benchOcellus(runs.places.root, shape, plan, limit))
  for (const configuration of plan.configurations) {
    const likes = sameOf(configuration, sink.rows)
    await sink.add(
      () => nameOf(configuration, runs.places),
      (limit) => runPeer(runs, configuration, shape, plan, limit),
      likes,
    )
  }
}

/** The row whose answer must be this one's: onnxruntime-web's modes do the same arithmetic. */
const sameOf = (configuration: Configuration, rows: readonly PeerRow[]): PeerRow | undefined =>
  configuration.startsWith('ort:') ? rows.find(({ engine, answer }) => engine === 'onnxruntime-web' && answer !== undefined) : undefined

async function runEmbedded(runs: PeerRuns, plan: PeerPlan, sink: RowSink): Promise<void> {
  const ocellus = embeddedOcellus(runs, versionOf(runs.places), plan)
  if (!plan.alone) await sink.add(ocellus.name, ocellus.run)
  const devices = (['webgpu', 'wasm'] as const).filter((device) => plan.configurations.includes(`transformers:${device}`))
  for (const { name, exact, run } of await embeddedPeers(runs, devices, cpus().length, plan)) {
    await sink.add(name, run, exact ? sink.rows.find(({ weights }) => weights === 'float32' || weights === 'fp32') : undefined)
  }
}

/** Takes rows as they come: prints, keeps and writes them. */
class RowSink {
  readonly rows: PeerRow[] = []
  readonly #plan: PeerPlan
  readonly #head: RunHead
  readonly #start = performance.now()

  constructor(plan: PeerPlan) {
    this.#plan = plan
    this.#head = { ...plan, shape: plan.shape?.name ?? EMBEDDED }
  }

  /** Runs one configuration, unless it is too late. like: the row whose answer must be the same. */
  async add(name: PeerName | (() => PeerName), run: (limit: number) => Promise<Measurement>, like?: PeerRow): Promise<void> {
    const { limit, deadline, out } = this.#plan
    const begun = performance.now()
    let named: PeerName = typeof name === 'function' ? { engine: 'a peer', version: '', mode: '' } : name
    let row: PeerRow
    try {
      if (typeof name === 'function') named = name()
      console.error(`${[named.engine, named.version, named.mode].filter(Boolean).join(' ')} …`)
      if ((begun - this.#start) / 1000 > deadline) throw new Error(`the ${deadline} s of --deadline were over`)
      row = comparedTo(measuredRow(named, this.#head, begun, await run(limit * 1000)), like)
    } catch (error) {
      row = failedRow(named, this.#head, begun, error)
    }
    this.rows.push(row)
    if (out !== undefined) appendRow(out, row)
    const { decode_tokens_per_second: decode, prefill_tokens_per_second: prefill, problem, seconds } = row
    console.error(`  ${problem ?? `decode ${decode}, prefill ${prefill} tokens/s`} (${seconds} s)`)
  }
}

const versionOf = ({ root }: Places): string =>
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version

function title({ shape, context, tokens, prefill, runs, rounds }: PeerPlan): string {
  const what = shape
    ? `${shape.name}: random weights in the shape of ${shape.like}; 4 bits make ${(q4Bytes(shape.sizes) / 1e6).toFixed(0)} MB that a token reads`
    : `${EMBEDDED} with its own weights, text only`
  return `${what}
one sequence, ${tokens} tokens up to a context of ${context}, prompts of ${prefill} tokens; medians of ${runs * rounds} runs`
}
