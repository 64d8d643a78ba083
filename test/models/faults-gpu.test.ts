import { describe, expect, it } from 'vitest'
import type { LLM } from '../../src/index.ts'
import { hostedEngine } from '../support/engine-host.ts'
import { type Fault, FaultWorker } from '../support/fault-worker.ts'
import { answer, expectHealthy, goldenCase, openGolden, rejection, unhandledRejections } from '../support/golden-model.ts'
import { type Header, type HeaderEntry, ModelFiles, safetensors } from '../support/model-files.ts'

const unhandled = unhandledRejections()
const LONG = { temperature: 0, max_tokens: 190, ignore_eos: true }

/** A worker with a fault and the model in it. */
async function openFaulty(fault: Fault): Promise<{ faulty: FaultWorker; llm: LLM }> {
  const faulty = new FaultWorker(fault)
  return { faulty, llm: await openGolden({ worker: faulty.worker }) }
}

const loads: [what: string, fault: Fault, error: RegExp][] = [
  ['without WebGPU', { kind: 'no WebGPU' }, /^WebGPUUnavailableError: .*navigator\.gpu is missing.*use a current Chrome/],
  ['without an adapter', { kind: 'no adapter' }, /^WebGPUUnavailableError: WebGPU found no adapter; check/],
  ['on an adapter that gives no device', { kind: 'no device' }, /^WebGPUUnavailableError: .*the adapter was used up/],
  [
    'with a kernel that does not compile',
    { kind: 'broken kernel', name: 'rms-norm' },
    /^ModelLoadError: .*cannot run: kernel rms-norm does not compile[\s\S]*line \d+: expected '\)'/,
  ],
  ['on a device that is lost from the start', { kind: 'lost at once' }, /^DeviceLostError: The GPU device was lost/],
]

describe('loading', () => {
  for (const [what, fault, error] of loads) {
    it(`${what} fails and says why`, async () => {
      const faulty = new FaultWorker(fault)
      expect(await rejection(openGolden({ worker: faulty.worker }))).toMatch(error)
      faulty.end()
    })
  }

  it('says how much memory was wanted where it runs out, whatever it is for, and leaves none taken', async () => {
    const { faulty, llm } = await openFaulty({ kind: 'none' })
    const { buffers } = await llm.stats()
    await llm.dispose()
    faulty.end()
    for (const at of [2, Math.floor(buffers / 2), Math.floor(0.9 * buffers)]) {
      const full = new FaultWorker({ kind: 'out of memory', at })
      expect(await rejection(openGolden({ worker: full.worker }))).toMatch(/^ModelLoadError: .*Out of GPU memory.* smaller max_model_len/)
      full.end()
    }
    const next = await openGolden({ worker: hostedEngine() })
    await expectHealthy(next)
    await next.dispose()
  })
})

describe('a model with a tensor larger than the adapter allows', () => {
  it('is refused with both sizes before any weight is read, and a good model loads afterwards', async () => {
    const most = (await navigator.gpu.requestAdapter())?.limits.maxBufferSize ?? 0
    // In four bits too.
    const rows = most / 32 + 32
    const model = await new ModelFiles().json('config.json', (config: { vocab_size: number }) => {
      config.vocab_size = rows
    })
    await stretch(model, 'model-00001-of-00002.safetensors', 'model.embed_tokens.weight', rows)
    const said = await rejection(openGolden({ model: model.files, worker: hostedEngine() }))
    const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`
    expect(said).toMatch(/^ModelLoadError: the chosen files needs \d+\.\d GB of GPU memory at float32 \(weights .*use a smaller model\.$/)
    expect(said).toContain(
      `'model.embed_tokens' takes ${gigabytes(rows * 256)} in one buffer, but this adapter allows ${gigabytes(most)} a buffer`,
    )
    const next = await openGolden()
    await expectHealthy(next)
    await next.dispose()
  })
})

/** Gives a bf16 matrix of 64 columns this many rows, all zeros. */
async function stretch(model: ModelFiles, name: string, tensor: string, rows: number): Promise<void> {
  const bytes = await model.bytes(name)
  const begin = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, begin))) as Header
  const { data_offsets } = header[tensor] as HeaderEntry
  const [from, to] = data_offsets
  const grown = rows * 128 - (to - from)
  for (const entry of Object.values(header)) {
    if (entry.data_offsets && entry.data_offsets[0] >= to)
      entry.data_offsets = [entry.data_offsets[0] + grown, entry.data_offsets[1] + grown]
  }
  header[tensor] = { dtype: 'BF16', shape: [rows, 64], data_offsets: [from, to + grown] }
  // One piece of zeros many times over: the file is large, the memory it takes is not.
  const zeros = new Blob([new Uint8Array(128 * 32)])
  let piece = zeros
  const pieces: Blob[] = []
  for (let count = rows / 32; count > 0; count = Math.floor(count / 2), piece = new Blob([piece, piece]))
    if (count % 2 === 1) pieces.push(piece)
  model.put(name, safetensors(header, new Blob([bytes.slice(begin, begin + from), ...pieces, bytes.slice(begin + to)])))
}

describe('a device that is lost while tokens are written', () => {
  it('is said to every open request and every later one, and a new LLM works', async () => {
    const { faulty, llm } = await openFaulty({ kind: 'none' })
    const batch = rejection(llm.generate(['one', 'two', 'three'], LONG))
    const stream = llm.stream('four', LONG)
    await stream.next()
    await faulty.cause({ kind: 'lose the device' })
    const rest = rejection(
      (async () => {
        for await (const _ of stream);
      })(),
    )
    const lost = /^DeviceLostError: The GPU device was lost.*create the LLM again/
    expect(await batch).toMatch(lost)
    expect(await rest).toMatch(lost)
    expect(await rejection(llm.generate('five'))).toMatch(lost)
    expect(await rejection(llm.stats())).toMatch(lost)
    expect(await faulty.cause({ kind: 'report' })).toEqual([])
    await llm.dispose()
    faulty.end()
    const next = await openGolden()
    await expectHealthy(next)
    await next.dispose()
  })
})

describe('faults while requests run', () => {
  it('memory that runs out for a picture ends its request alone, wherever it runs out, and the next one works', async () => {
    const { faulty, llm } = await openFaulty({ kind: 'none' })
    const [whole] = await llm.generate('one', LONG)
    const beside = llm.generate({ prompt: 'one', cache_salt: 'beside' }, LONG)
    await llm.stream('two', LONG).next()
    // The encoder's inputs, then what its kernels need.
    for (const at of [1, 3, 4, 7]) {
      await faulty.cause({ kind: 'fill the memory', at })
      expect(await rejection(answer(llm, 'image'))).toMatch(
        /^OutOfMemoryError: .*Out of GPU memory: .* needs \d+ bytes more.*send smaller pictures/,
      )
    }
    expect((await beside)[0]?.outputs[0]?.token_ids).toEqual(whole?.outputs[0]?.token_ids)
    expect((await answer(llm, 'image')).outputs[0]?.token_ids).toEqual(goldenCase('image').generated.token_ids)
    await expectHealthy(llm)
    expect(await faulty.cause({ kind: 'report' })).toEqual([])
    await llm.dispose()
    faulty.end()
  })

  it('memory that runs out while a step is recorded ends the requests of that step, and leaves none taken', async () => {
    const { faulty, llm } = await openFaulty({ kind: 'none' })
    for (const at of [1, 2]) {
      const { gpu_bytes } = await llm.stats()
      await faulty.cause({ kind: 'fill the memory', at })
      expect(await rejection(llm.generate('five at once', { ...LONG, temperature: 1, seed: 1, n: 5, logprobs: at }))).toMatch(
        /^OutOfMemoryError: Out of GPU memory: working memory for \d+ kernels needs/,
      )
      expect((await llm.stats()).gpu_bytes).toBe(gpu_bytes)
    }
    for (const name of ['image', 'batch_2']) {
      expect((await answer(llm, name)).outputs[0]?.token_ids).toEqual(goldenCase(name).generated.token_ids)
    }
    await expectHealthy(llm)
    expect(await faulty.cause({ kind: 'report' })).toEqual([])
    await llm.dispose()
    faulty.end()
  })

  it('errors that nobody in the worker caught end what is open and no more, and the third within a minute the engine', async () => {
    const { faulty, llm } = await openFaulty({ kind: 'none' })
    for (const kind of ['throw', 'reject'] as const) {
      const open = rejection(llm.generate('one', LONG))
      await llm.stream('two', { max_tokens: 1 }).next()
      await faulty.cause({ kind })
      expect(await open).toMatch(/^Error: The engine failed inside \(nobody caught this\).*the next ones are served/)
      await expectHealthy(llm)
    }
    const open = rejection(llm.generate('one', LONG))
    await llm.stream('two', { max_tokens: 1 }).next()
    await faulty.cause({ kind: 'throw' })
    expect(await open).toMatch(/^DeviceLostError: /)
    expect(await rejection(llm.generate('three'))).toMatch(/^DeviceLostError: /)
    await llm.dispose()
    faulty.end()
    const next = await openGolden()
    await expectHealthy(next)
    await next.dispose()
  })

  it('a command that the GPU refuses ends what is open, and the engine serves on', async () => {
    const { faulty, llm } = await openFaulty({ kind: 'none' })
    const stream = llm.stream('one', LONG)
    await stream.next()
    await faulty.cause({ kind: 'use the device wrongly' })
    expect(
      await rejection(
        (async () => {
          for await (const _ of stream);
        })(),
      ),
    ).toMatch(/^Error: The GPU refused a command: /)
    await expectHealthy(llm)
    await expectHealthy(llm, 'text_only')
    await llm.dispose()
    faulty.end()
  })

  it('a worker that is ended fails what is open and what comes after, and a new LLM works', async () => {
    const { faulty, llm } = await openFaulty({ kind: 'none' })
    const batch = rejection(llm.generate(['one', 'two'], LONG))
    await llm.stream('three', LONG).next()
    faulty.end()
    expect(await batch).toMatch(/^DeviceLostError: The engine's worker has ended while it was needed\. Make a new LLM/)
    expect(await rejection(llm.generate('four'))).toMatch(/^DeviceLostError: .*worker/)
    await llm.dispose()
    const next = await openGolden()
    await expectHealthy(next)
    await next.dispose()
  })

  it('no rejection is left unhandled', () => expect(unhandled).toEqual([]))
})
