import type { WireTensor } from '../protocol/media.ts'
import { readTensor } from './tensor-values.ts'

/** Classes of storages by their names in torch, and the types of their elements. */
const storageTypes: Readonly<Record<string, readonly [type: string, bytes: number]>> = {
  'torch.FloatStorage': ['F32', 4],
  'torch.DoubleStorage': ['F64', 8],
  'torch.HalfStorage': ['F16', 2],
  'torch.BFloat16Storage': ['BF16', 2],
  'torch.LongStorage': ['I64', 8],
  'torch.IntStorage': ['I32', 4],
  'torch.ShortStorage': ['I16', 2],
  'torch.ByteStorage': ['U8', 1],
}

/** Functions whose calls are understood; nothing else is. */
const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2'
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter'
const ORDERED_DICT = 'collections.OrderedDict'
const names = [REBUILD_TENSOR, REBUILD_PARAMETER, ORDERED_DICT, ...Object.keys(storageTypes)]

interface Name {
  readonly kind: 'name'
  readonly name: string
}

interface Storage {
  readonly kind: 'storage'
  readonly type: string
  readonly bytes: Uint8Array
  /** Its elements. */
  readonly count: number
}

/** A tensor in a pickle. */
export interface PickledTensor {
  readonly kind: 'tensor'
  readonly tensor: WireTensor
}

const MARK = Symbol('mark')

/** What pickles of tensors are made of. Tuples are lists here. */
export type Pickled = null | boolean | number | string | Name | Storage | PickledTensor | Pickled[] | Map<Pickled, Pickled>

/** What a pickle is read with. */
export interface PickleContext {
  /** The bytes of a storage by its key. Errors: RangeError when there is none. */
  readonly storageOf: (key: string) => Uint8Array
  /** Most values of all tensors together. Tensors may share storages, so that a small file could hold them without end. */
  readonly maxValues: number
}

const what = 'is a file of torch.save'
const odd = (words: string): RangeError => new RangeError(`${what} ${words}`)
const broken = (): RangeError => odd('whose pickle is damaged')

/**
 * What a pickle of protocol 2 holds that is made of tensors, numbers, texts, lists and dicts. Pickles are programs: only the operations that
 * build such values are carried out, and of functions only those that torch.save writes for dense tensors are understood, not called.
 * Errors: RangeError with words for a user, naming what is not allowed. Source: CPython's pickletools; torch/_weights_only_unpickler.py.
 */
export function readPickle(bytes: Uint8Array, context: PickleContext): Pickled {
  return new PickleReader(bytes, context).read()
}

class PickleReader {
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #context: PickleContext
  readonly #stack: (Pickled | typeof MARK)[] = []
  readonly #memo = new Map<number, Pickled>()
  #at = 0
  /** Values of all tensors so far. */
  #values = 0

  constructor(bytes: Uint8Array, context: PickleContext) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#context = context
  }

  read(): Pickled {
    for (;;) {
      const code = this.u8()
      if (code === 0x2e) break
      const operation = operations[code]
      if (!operation) throw odd(`with an operation (0x${code.toString(16).padStart(2, '0')}) that tensors do not need; it is not run`)
      operation(this)
    }
    if (this.#stack.length !== 1) throw broken()
    return this.pop()
  }

  #take(count: number): number {
    const at = this.#at
    if (at + count > this.#bytes.length) throw odd('whose pickle is cut off')
    this.#at += count
    return at
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true)
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8))
  }

  /** A whole number in so many bytes, two's complement. */
  long(length: number): number {
    const digits = this.#bytes.subarray(this.#take(length), this.#at)
    const value = digits.reduceRight((sum, digit) => sum * 256n + BigInt(digit), 0n)
    return Number(BigInt.asIntN(8 * length, value))
  }

  text(length: number): string {
    return new TextDecoder().decode(this.#bytes.subarray(this.#take(length), this.#at))
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at)
    if (end < 0) throw odd('whose pickle is cut off')
    const line = this.text(end - this.#at)
    this.#take(1)
    return line
  }

  push(value: Pickled | typeof MARK): void {
    this.#stack.push(value)
  }

  pop(): Pickled {
    const value = this.#stack.pop()
    if (value === undefined || value === MARK) throw broken()
    return value
  }

  top(): Pickled {
    const value = this.#stack.at(-1)
    if (value === undefined || value === MARK) throw broken()
    return value
  }

  /** All values down to the last mark, and the mark. */
  popToMark(): Pickled[] {
    const mark = this.#stack.lastIndexOf(MARK)
    if (mark < 0) throw broken()
    return this.#stack.splice(mark).slice(1) as Pickled[]
  }

  popMany(count: number): Pickled[] {
    return Array.from({ length: count }, () => this.pop()).reverse()
  }

  keep(place: number): void {
    this.#memo.set(place, this.top())
  }

  recall(place: number): void {
    const value = this.#memo.get(place)
    if (value === undefined) throw broken()
    this.push(value)
  }

  /** ('storage', class, key, device, elements); the device does not matter. */
  loadStorage(id: Pickled): Storage {
    const [word, type, key, , count] = Array.isArray(id) ? id : []
    const [element, size] = (isKind(type, 'name') ? storageTypes[type.name] : undefined) ?? []
    if (word !== 'storage' || !element || !size || typeof key !== 'string' || typeof count !== 'number') throw broken()
    const bytes = this.#context.storageOf(key)
    if (bytes.length !== count * size) throw odd(`that is cut off: storage ${key} has ${bytes.length} bytes in place of ${count * size}`)
    return { kind: 'storage', type: element, bytes, count }
  }

  /** What the call of a function would give. */
  call(callee: Pickled, args: Pickled): Pickled {
    if (!isKind(callee, 'name') || !Array.isArray(args)) throw broken()
    if (callee.name === ORDERED_DICT && args.length === 0) return new Map()
    const [first] = args
    if (callee.name === REBUILD_PARAMETER && isKind(first, 'tensor')) return first
    if (callee.name === REBUILD_TENSOR) return this.#rebuild(args)
    throw odd(`that calls ${callee.name} in a way tensors do not need; it is not run`)
  }

  #rebuild([storage, offset, shape, strides]: Pickled[]): PickledTensor {
    if (!isKind(storage, 'storage') || !isCount(offset) || !isCounts(shape) || !isCounts(strides)) throw broken()
    // Views may show values again and again (stride 0): memory without end in a small file.
    if (shape.reduce((product, length) => product * length, 1) > storage.count)
      throw odd(`with a tensor [${shape}] that repeats its ${storage.count} values; save tensor.contiguous()`)
    const tensor = readTensor(storage.bytes, storage.type, shape, { offset, strides })
    this.#values += tensor.data.length
    if (this.#values > this.#context.maxValues) throw odd('whose tensors share more values than the file is large; save each by itself')
    return { kind: 'tensor', tensor }
  }
}

const isKind = <K extends string>(value: Pickled | undefined, kind: K): value is Extract<Pickled, { kind: K }> =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind

const isCount = (value: Pickled | undefined): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isCounts = (value: Pickled | undefined): value is number[] => Array.isArray(value) && value.every(isCount)

function listOf(value: Pickled): Pickled[] {
  if (!Array.isArray(value)) throw broken()
  return value
}

function fill(dict: Pickled, items: readonly Pickled[]): void {
  if (!(dict instanceof Map) || items.length % 2 !== 0) throw broken()
  for (let i = 0; i < items.length; i += 2) dict.set(items[i] as Pickled, items[i + 1] as Pickled)
}

/** The name of a function or class, as two lines. Errors: RangeError for those that are not understood. */
function readName(r: PickleReader): Name {
  const name = `${r.line()}.${r.line()}`
  if (names.includes(name)) return { kind: 'name', name }
  const hint = 'send dense tensors of float32, float16, bfloat16, float64 or whole numbers, or a dict of them'
  throw odd(`that names ${name}, which is not run; ${hint}`)
}

/** The operations by their codes; the comments give pickletools' names. */
const operations: Readonly<Record<number, (r: PickleReader) => void>> = {
  // PROTO
  128: (r) => {
    const version = r.u8()
    if (version !== 2) throw odd(`of pickle protocol ${version}; save it with torch.save's own, which is 2`)
  },
  // MARK, NONE, NEWTRUE, NEWFALSE
  40: (r) => r.push(MARK),
  78: (r) => r.push(null),
  136: (r) => r.push(true),
  137: (r) => r.push(false),
  // BININT, BININT1, BININT2, LONG1, BINFLOAT, BINUNICODE
  74: (r) => r.push(r.u32() | 0),
  75: (r) => r.push(r.u8()),
  77: (r) => r.push(r.u16()),
  138: (r) => r.push(r.long(r.u8())),
  71: (r) => r.push(r.f64()),
  88: (r) => r.push(r.text(r.u32())),
  // EMPTY_TUPLE, TUPLE, TUPLE1, TUPLE2, TUPLE3
  41: (r) => r.push([]),
  116: (r) => r.push(r.popToMark()),
  133: (r) => r.push(r.popMany(1)),
  134: (r) => r.push(r.popMany(2)),
  135: (r) => r.push(r.popMany(3)),
  // EMPTY_LIST, APPEND, APPENDS
  93: (r) => r.push([]),
  97: (r) => {
    const value = r.pop()
    listOf(r.top()).push(value)
  },
  101: (r) => {
    const values = r.popToMark()
    const list = listOf(r.top())
    for (const value of values) list.push(value)
  },
  // EMPTY_DICT, SETITEM, SETITEMS
  125: (r) => r.push(new Map()),
  115: (r) => {
    const pair = r.popMany(2)
    fill(r.top(), pair)
  },
  117: (r) => {
    const items = r.popToMark()
    fill(r.top(), items)
  },
  // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
  113: (r) => r.keep(r.u8()),
  114: (r) => r.keep(r.u32()),
  104: (r) => r.recall(r.u8()),
  106: (r) => r.recall(r.u32()),
  // GLOBAL, BINPERSID, REDUCE
  99: (r) => r.push(readName(r)),
  81: (r) => r.push(r.loadStorage(r.pop())),
  82: (r) => {
    const args = r.pop()
    r.push(r.call(r.pop(), args))
  },
}
