import type { KeyState, Members } from './key-states.ts'
import { KeyStates, NO_KEYS, takeFree, takeNamed } from './key-states.ts'
import type { ObjectShape, ValueType } from './shapes.ts'
import type { Blanks, Local, Sink, State } from './state.ts'
import { nextBlanks } from './state.ts'
import type { Pending } from './text-bytes.ts'
import { stepText } from './text-bytes.ts'

type ValueLocal = (type: ValueType) => Local
const QUOTE = 0x22
const COLON = 0x3a
const COMMA = 0x2c
const CLOSE = 0x7d

/** What stays the same while one object is written. */
interface Writing {
  readonly shape: ObjectShape
  readonly valueLocal: ValueLocal
}

const keyOfMembers = ({ seen, owed, free, count }: Members): string => `${seen.toString(36)} ${owed.toString(36)} ${count} ${free.id}`

/** An object whose brace is just written. `valueLocal` begins the values. */
export function openObject(shape: ObjectShape, valueLocal: ValueLocal): Local {
  return betweenLocal({ shape, valueLocal }, { seen: 0n, owed: shape.required, free: NO_KEYS, count: 0 }, 'opened', 0)
}

/** Between two members: after the brace, after a member, or after the comma. */
function betweenLocal(writing: Writing, members: Members, place: 'opened' | 'member' | 'comma', blanks: Blanks): Local {
  const { shape } = writing
  const mayClose = place !== 'comma' && members.owed === 0n && members.count >= shape.min
  return {
    key: `o${shape.id} ${place} ${blanks} ${keyOfMembers(members)}`,
    inKey: false,
    step(byte, around, out) {
      const more = out.blanks ? nextBlanks(blanks, byte) : undefined
      if (more !== undefined) out.go(betweenLocal(writing, members, place, more), around)
      else if (byte === CLOSE) {
        if (mayClose) out.leave(around)
      } else if (byte === (place === 'member' ? COMMA : QUOTE)) {
        const keys = new KeyStates(shape, members)
        if (!keys.isOpen) return
        out.go(place === 'member' ? betweenLocal(writing, members, 'comma', 0) : keyLocal(writing, members, keys, keys.start, 0), around)
      }
    },
    mayEnd: () => false,
  }
}

function keyLocal(writing: Writing, members: Members, keys: KeyStates, state: KeyState, pending: Pending): Local {
  const { shape } = writing
  return {
    key: `k${shape.id} ${state.free ?? ''} ${pending} ${JSON.stringify(state.text) ?? ''} ${keyOfMembers(members)}`,
    inKey: true,
    step(byte, around, out) {
      const step = stepText(keys, state, pending, byte, true)
      if (step === 'close') closeKey(writing, members, state, around, out)
      else if (step) out.go(keyLocal(writing, members, keys, step.state, step.pending), around)
    },
    mayEnd: () => false,
  }
}

function closeKey(writing: Writing, members: Members, state: KeyState, around: State, out: Sink): void {
  const { shape } = writing
  const index = state.text === undefined ? undefined : shape.indexOf.get(state.text)
  if (index !== undefined) {
    out.go(colonLocal(writing, takeNamed(shape, members, index), shape.types[index]!, 0), around)
    return
  }
  const type = shape.free!.types[shape.free!.language.labels[state.free!]!]!
  // A key that is like no other so far is not kept in the state, which would make one for every text.
  out.go(colonLocal(writing, takeFree(shape, members, state.text ?? out.keyText()), type, 0), around)
}

function colonLocal(writing: Writing, members: Members, type: ValueType, blanks: Blanks): Local {
  return {
    key: `c${writing.shape.id} ${type.id} ${blanks} ${keyOfMembers(members)}`,
    inKey: false,
    step(byte, around, out) {
      const more = out.blanks ? nextBlanks(blanks, byte) : undefined
      if (more !== undefined) out.go(colonLocal(writing, members, type, more), around)
      else if (byte === COLON) out.go(writing.valueLocal(type), out.within(betweenLocal(writing, members, 'member', 0), around))
    },
    mayEnd: () => false,
  }
}
