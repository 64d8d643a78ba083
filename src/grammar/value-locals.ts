import { openArray } from './array-locals.ts'
import type { Dfa, Language } from './dfa.ts'
import { openObject } from './object-locals.ts'
import type { Shape, ValueType } from './shapes.ts'
import type { Blanks, Local } from './state.ts'
import { nextBlanks } from './state.ts'
import type { Pending } from './text-bytes.ts'
import { stepText } from './text-bytes.ts'

/** The end of everything: no byte may follow. */
export const END: Local = { key: 'end', inKey: false, step: () => {}, mayEnd: () => true }

/** A value of a type is to come. */
export function valueLocal(type: ValueType, blanks: Blanks = 0): Local {
  return {
    key: `v${type.id} ${blanks}`,
    inKey: false,
    step(byte, around, out) {
      const more = out.blanks ? nextBlanks(blanks, byte) : undefined
      if (more !== undefined) return out.go(valueLocal(type, more), around)
      for (const shape of type.shapes) {
        const local = beginShape(shape, byte)
        if (local) out.go(local, around)
      }
    },
    mayEnd: () => false,
  }
}

/** What the first byte of a value begins, if it can begin this shape. */
function beginShape(shape: Shape, byte: number): Local | undefined {
  switch (shape.kind) {
    case 'literal':
      return shape.text.charCodeAt(0) === byte ? literalLocal(shape.text, 1) : undefined
    case 'string':
      return byte === 0x22 ? stringLocal(shape.language, shape.language.start!, 0) : undefined
    case 'number': {
      const state = shape.language.next(shape.language.start!, byte)
      return state === undefined ? undefined : numberLocal(shape.language, state)
    }
    case 'array':
      return byte === 0x5b ? openArray(shape, valueLocal) : undefined
    case 'object':
      return byte === 0x7b ? openObject(shape, valueLocal) : undefined
  }
}

function literalLocal(text: string, read: number): Local {
  return {
    key: `l${text}${read}`,
    inKey: false,
    step(byte, around, out) {
      if (text.charCodeAt(read) !== byte) return
      if (read + 1 === text.length) out.leave(around)
      else out.go(literalLocal(text, read + 1), around)
    },
    mayEnd: () => false,
  }
}

function stringLocal(language: Language, state: number, pending: Pending): Local {
  return {
    key: `s${language.id} ${state} ${pending}`,
    inKey: false,
    step(byte, around, out) {
      const step = stepText(language, state, pending, byte, true)
      if (step === 'close') out.leave(around)
      else if (step) out.go(stringLocal(language, step.state, step.pending), around)
    },
    mayEnd: () => false,
  }
}

/** A number has no end of its own: what follows it ends it. */
function numberLocal(language: Dfa, state: number): Local {
  return {
    key: `n${language.id} ${state}`,
    inKey: false,
    step(byte, around, out) {
      const next = byte < 0x80 ? language.next(state, byte) : undefined
      if (next !== undefined) out.go(numberLocal(language, next), around)
      else if (language.accepts(state)) out.passOn(byte, around)
    },
    mayEnd: (around) => around.mayEnd && language.accepts(state),
  }
}

/** Bare text, not JSON: the whole answer is in the language. */
export function textLocal(language: Language, state: number, pending: Pending = 0): Local {
  return {
    key: `t${language.id} ${state} ${pending}`,
    inKey: false,
    step(byte, around, out) {
      const step = stepText(language, state, pending, byte, false)
      if (step && step !== 'close') out.go(textLocal(language, step.state, step.pending), around)
    },
    mayEnd: () => pending === 0 && language.accepts(state),
  }
}
