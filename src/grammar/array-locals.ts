import { arrayCanFinish, arrayMayEnd, placeOf, settleCounts } from './array-shape.ts'
import type { ArrayShape, ValueType } from './shapes.ts'
import type { Blanks, Local, Sink, State } from './state.ts'
import { nextBlanks } from './state.ts'

type ValueLocal = (type: ValueType) => Local

/** Where an array stands: items and hits so far, just opened or after an item. */
interface Progress {
  readonly opened: boolean
  readonly index: number
  readonly hits: number
  readonly blanks: Blanks
}

/** An array whose bracket is just written. `valueLocal` begins the items. */
export const openArray = (shape: ArrayShape, valueLocal: ValueLocal): Local =>
  arrayLocal(shape, valueLocal, { opened: true, index: 0, hits: 0, blanks: 0 })

function arrayLocal(shape: ArrayShape, valueLocal: ValueLocal, progress: Progress): Local {
  const { opened, index, hits, blanks } = progress
  /** The ways to go on with one more item: its type, and the array after it. */
  const choices = (): (readonly [ValueType, Local])[] => {
    const { hit, miss } = placeOf(shape, index)
    const options = [[miss, hits] as const, ...(hit ? [[hit, hits + 1] as const] : [])]
    return options
      .filter(([type, count]) => type.possible && arrayCanFinish(shape, index + 1, count))
      .map(([type, count]) => {
        const [nextIndex, nextHits] = settleCounts(shape, index + 1, count)
        return [type, arrayLocal(shape, valueLocal, { opened: false, index: nextIndex, hits: nextHits, blanks: 0 })] as const
      })
  }
  const beginItem = (byte: number, around: State, out: Sink) => {
    for (const [type, after] of choices()) {
      const inner = out.within(after, around)
      // The byte already belongs to the item, unless it is the comma before it.
      if (opened) valueLocal(type).step(byte, inner, out)
      else out.go(valueLocal(type), inner)
    }
  }
  return {
    key: `a${shape.id} ${opened ? 'o' : 'i'}${index} ${hits} ${blanks}`,
    inKey: false,
    step(byte, around, out) {
      const more = out.blanks ? nextBlanks(blanks, byte) : undefined
      if (more !== undefined) return out.go(arrayLocal(shape, valueLocal, { ...progress, blanks: more }), around)
      if (byte === 0x20 || byte === 0x0a) return
      if (byte === 0x5d) {
        if (arrayMayEnd(shape, index, hits)) out.leave(around)
      } else if (opened || byte === 0x2c) beginItem(byte, around, out)
    },
    mayEnd: () => false,
  }
}
