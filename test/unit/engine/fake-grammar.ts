import { SequenceGrammar } from '../../../src/engine/sequence-grammar.ts'

/** A matcher that allows these tokens (of 100) at these places, and may end after the last. */
export class FakeMatcher {
  readonly allowed: readonly (readonly number[])[]
  readonly accepted: number[] = []

  constructor(allowed: readonly (readonly number[])[]) {
    this.allowed = allowed
  }

  mask(): Uint32Array {
    const mask = new Uint32Array(4)
    for (const id of this.allowed[this.accepted.length] ?? []) mask[id >> 5] = (mask[id >> 5] ?? 0) | (1 << (id & 31))
    return mask
  }

  accept(id: number): boolean {
    const isAllowed = this.allowed[this.accepted.length]?.includes(id) ?? false
    if (isAllowed) this.accepted.push(id)
    return isAllowed
  }

  get canEnd(): boolean {
    return this.accepted.length >= this.allowed.length
  }

  get isFinished(): boolean {
    return this.canEnd
  }
}

/** A grammar whose i-th token is one of allowed[i]. */
export const fakeGrammar = (allowed: readonly (readonly number[])[]): SequenceGrammar =>
  new SequenceGrammar(new FakeMatcher(allowed) as unknown as ConstructorParameters<typeof SequenceGrammar>[0])
