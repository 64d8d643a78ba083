import type { Checkpoint, CheckpointTensor } from './checkpoint.ts'

/** A checkpoint as part of a larger one. */
export interface CheckpointPart {
  readonly checkpoint: Checkpoint
  /** What its tensors' names begin with in the whole. */
  readonly prefix: string
  /** What its files are told under in progress: their folder or repository; '' for the model's own. */
  readonly folder: string
}

/** Several checkpoints as one. Of two tensors of one name the earlier part's counts. */
export function joinCheckpoints(parts: readonly CheckpointPart[]): Checkpoint {
  const tensors = new Map<string, CheckpointTensor>()
  const ownerOf = new Map<string, CheckpointPart>()
  for (const part of parts) {
    for (const [name, tensor] of part.checkpoint.tensors) {
      const whole = part.prefix + name
      if (tensors.has(whole)) continue
      tensors.set(whole, { ...tensor, file: fileName(part, tensor.file) })
      ownerOf.set(whole, part)
    }
  }
  return {
    tensors,
    files: parts.flatMap((part) => part.checkpoint.files.map(({ name, size }) => ({ name: fileName(part, name), size }))),
    identity: async () => {
      const identities = await Promise.all(parts.map(({ checkpoint }) => checkpoint.identity?.()))
      return identities.includes(undefined) ? undefined : identities.join('\n')
    },
    async streamTensors(wanted, onChunk, { onProgress, onReplaced, ...options } = {}) {
      for (const part of parts) {
        const { checkpoint, prefix } = part
        // Names that nobody has go to the first part, which says so.
        const own = wanted.filter(({ name }) => (ownerOf.get(name) ?? parts[0]) === part)
        if (own.length === 0) continue
        await checkpoint.streamTensors(
          own.map((want) => ({ ...want, name: want.name.slice(prefix.length) })),
          (name, ...chunk) => onChunk(prefix + name, ...chunk),
          {
            ...options,
            onProgress: onProgress && ((file, ...progress) => onProgress(fileName(part, file), ...progress)),
            onReplaced: onReplaced && ((file) => onReplaced(fileName(part, file))),
          },
        )
      }
    },
  }
}

const fileName = ({ folder }: CheckpointPart, name: string): string => (folder === '' ? name : `${folder}/${name}`)
