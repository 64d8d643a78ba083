import type { SourceFile } from './model-source.ts'

/** A tensor to be read, or part of it: bytes [begin, end) of a file, cut between rows of `rowBytes`. */
export interface StreamedTensor {
  readonly name: string
  readonly rowBytes: number
  /** Bytes of the tensor before `begin`. */
  readonly skipped: number
  readonly begin: number
  readonly end: number
}

/**
 * Takes bytes of a tensor as they come. `byteOffset` counts from the tensor's start. `bytes` owns its buffer from offset 0, so that it
 * can be viewed as wider elements, kept or transferred.
 */
export type OnChunk = (name: string, byteOffset: number, bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>

/** Neighbouring tensors read in one request. */
export interface Run {
  readonly begin: number
  readonly end: number
  readonly tensors: readonly StreamedTensor[]
}

/** Groups tensors of one file into runs: over gaps of at most `largestGap` bytes it is cheaper to read on than to ask again. */
export function planRuns(tensors: readonly StreamedTensor[], largestGap: number): Run[] {
  const runs: { begin: number; end: number; tensors: StreamedTensor[] }[] = []
  for (const tensor of tensors.toSorted((a, b) => a.begin - b.begin)) {
    if (tensor.begin === tensor.end) continue
    const run = runs.at(-1)
    if (run && tensor.begin - run.end <= largestGap) {
      run.tensors.push(tensor)
      run.end = tensor.end
    } else {
      runs.push({ begin: tensor.begin, end: tensor.end, tensors: [tensor] })
    }
  }
  return runs
}

/** What reading a run takes. */
export interface RunOptions {
  readonly onChunk: OnChunk
  /** Most bytes of a chunk, if a row is not longer. */
  readonly chunkBytes: number
  readonly onBytes: (count: number) => void
  readonly signal: AbortSignal | undefined
}

/** Reads a run in one sequential stream and hands out each tensor in chunks of whole rows, waiting for the receiver. */
export async function streamRun(file: SourceFile, run: Run, options: RunOptions): Promise<void> {
  const { onChunk, chunkBytes, onBytes, signal } = options
  const tensors = run.tensors.values()
  let tensor = tensors.next().value
  let chunk: { bytes: Uint8Array<ArrayBuffer>; filled: number; begin: number } | undefined
  let at = run.begin
  for await (const piece of file.stream(run.begin, run.end, signal)) {
    for (let from = 0; from < piece.length && tensor; ) {
      if (at < tensor.begin) {
        const skipped = Math.min(tensor.begin - at, piece.length - from)
        from += skipped
        at += skipped
        continue
      }
      chunk ??= { bytes: new Uint8Array(chunkLength(tensor, at, chunkBytes)), filled: 0, begin: at }
      const taken = Math.min(chunk.bytes.length - chunk.filled, piece.length - from)
      chunk.bytes.set(piece.subarray(from, from + taken), chunk.filled)
      chunk.filled += taken
      from += taken
      at += taken
      if (chunk.filled < chunk.bytes.length) continue
      await onChunk(tensor.name, tensor.skipped + chunk.begin - tensor.begin, chunk.bytes)
      signal?.throwIfAborted()
      chunk = undefined
      if (at === tensor.end) tensor = tensors.next().value
    }
    onBytes(piece.length)
  }
}

/** As many whole rows as fit, at least one, at most what is left. */
function chunkLength({ rowBytes, end }: StreamedTensor, at: number, chunkBytes: number): number {
  return Math.min(Math.max(Math.floor(chunkBytes / rowBytes), 1) * rowBytes, end - at)
}
