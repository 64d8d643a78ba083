import { invalidRequestError } from '../util/errors.ts'
import { showValue } from '../util/show-value.ts'

/** A JSON object of a schema. */
export type RawObject = Readonly<Record<string, unknown>>

const DEEPEST = 256
const MOST_VALUES = 200_000
/** Keywords whose values are data, not schemas. */
const DATA = new Set(['enum', 'const', 'default', 'examples', 'example'])
const NO_BASE = 'json-schema:/'

export const isObject = (value: unknown): value is RawObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** An own property; a schema may well speak of a key named constructor. */
export const own = (object: RawObject, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined)

const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** A whole schema as it was given: where each part stands, and what each local reference means. */
export class SchemaDocument {
  readonly root: unknown
  /** Before 2019-09, a $ref made its neighbours void. */
  readonly refStandsAlone: boolean
  readonly #places = new Map<object, { pointer: string; base: string }>()
  readonly #targets = new Map<string, unknown>()

  /** Throws InvalidRequestError for anything but an object or a boolean, and for schemas that are too deep or too large. */
  constructor(root: unknown) {
    if (!isObject(root) && typeof root !== 'boolean') {
      throw invalidRequestError(`the JSON schema is ${showValue(root)}; it must be an object or a boolean`)
    }
    this.root = root
    this.refStandsAlone = isObject(root) && /draft-0[3467]/.test(String(own(root, '$schema') ?? ''))
    this.#targets.set(NO_BASE, root)
    if (isObject(root)) this.#scan(root)
  }

  /** The JSON pointer of a part; for a part that is no object, that of the object around it and its key. */
  pointerOf(part: object): string {
    return this.#places.get(part)?.pointer ?? ''
  }

  /** What a reference means. Throws InvalidRequestError for remote and dangling ones. */
  resolve(from: RawObject, ref: string): unknown {
    const place = this.#places.get(from)
    const at = `$ref ${showValue(ref)} at ${place?.pointer ?? ''}/$ref`
    const url = absolute(ref, place?.base ?? NO_BASE)
    const hash = url.indexOf('#')
    const base = hash < 0 ? url : url.slice(0, hash)
    const fragment = hash < 0 ? '' : decode(url.slice(hash + 1))
    if (!this.#targets.has(base))
      throw invalidRequestError(`${at} points outside the schema; put what it means under $defs and write #/$defs/…`)
    if (fragment !== '' && !fragment.startsWith('/')) {
      if (this.#targets.has(`${base}#${fragment}`)) return this.#targets.get(`${base}#${fragment}`)
      throw invalidRequestError(`${at} names an anchor that is not there`)
    }
    let part = this.#targets.get(base)
    for (const step of fragment.split('/').slice(1)) {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
      part = Array.isArray(part) ? part[Number(key)] : isObject(part) ? own(part, key) : undefined
      if (part === undefined) throw invalidRequestError(`${at} points at nothing; name a part of the schema that is there`)
    }
    return part
  }

  #scan(root: RawObject): void {
    const stack: { part: object; pointer: string; base: string; depth: number; data: boolean }[] = [
      { part: root, pointer: '', base: NO_BASE, depth: 0, data: false },
    ]
    let count = 0
    while (stack.length > 0) {
      const { part, pointer, base: outer, depth, data } = stack.pop()!
      if (depth > DEEPEST) throw invalidRequestError(`the JSON schema is nested deeper than ${DEEPEST} levels; flatten it or use $ref`)
      const base = data || Array.isArray(part) ? outer : this.#register(part as RawObject, outer)
      if (!this.#places.has(part)) this.#places.set(part, { pointer, base })
      for (const [key, value] of Object.entries(part)) {
        if (++count > MOST_VALUES) throw invalidRequestError(`the JSON schema has more than ${MOST_VALUES} values; use a smaller one`)
        if (typeof value !== 'object' || value === null) continue
        const isData = data || (DATA.has(key) && !pointer.endsWith('/properties'))
        stack.push({ part: value, pointer: `${pointer}/${escapePointer(key)}`, base, depth: depth + 1, data: isData })
      }
    }
  }

  /** Notes the names a schema gives itself; answers the base of what is in it. */
  #register(part: RawObject, outer: string): string {
    const id = own(part, '$id') ?? own(part, 'id')
    let base = outer
    if (typeof id === 'string') {
      const url = absolute(id, outer)
      const hash = url.indexOf('#')
      base = hash < 0 ? url : url.slice(0, hash)
      this.#targets.set(hash < 0 || hash === url.length - 1 ? base : url, part)
    }
    for (const keyword of ['$anchor', '$dynamicAnchor']) {
      const anchor = own(part, keyword)
      if (typeof anchor === 'string') this.#targets.set(`${base}#${anchor}`, part)
    }
    return base
  }
}

function absolute(reference: string, base: string): string {
  try {
    return new URL(reference, base).href
  } catch {
    return reference.startsWith('#') ? base + reference : reference
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
