import { modelLoadError } from '../util/errors.ts'
import { findJsonFlaws } from './strict-json.ts'

/** Bits of one element. */
const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const

/** Element types of the safetensors format. */
export type SafetensorsDtype = keyof typeof DTYPE_BITS

/** A tensor's type, shape and place: `begin` and `end` are byte offsets in its file. */
export interface TensorEntry {
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

/** A checked header. Tensors come in file order and fill the file from `dataBegin` to its end without gaps. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>
  readonly metadata: ReadonlyMap<string, string>
  readonly dataBegin: number
}

/** As much of a file as reading its header takes. */
export interface HeaderSource {
  readonly name: string
  readonly size: number
  read(begin: number, end: number): Promise<Uint8Array>
}

/** Longest header accepted, in bytes (the format's own limit). */
export const MAX_HEADER_BYTES = 100_000_000

/** Read in one go with the length, so that most headers take one request. */
const FIRST_READ = 65_536

type Fail = (reason: string) => never

/**
 * Reads and checks the header of a safetensors file: everything the Rust crate checks, and duplicate keys.
 * Errors: ModelLoadError naming the file, the rule and the numbers.
 */
export async function readSafetensorsHeader(file: HeaderSource): Promise<SafetensorsHeader> {
  const fail: Fail = (reason) => {
    throw modelLoadError(`${file.name} is not a valid safetensors file: ${reason}`)
  }
  if (file.size < 8) fail(`it has ${file.size} bytes, and the header's length alone takes 8; download it again`)
  const first = await file.read(0, Math.min(file.size, FIRST_READ))
  const length = headerLength(first, fail)
  const dataBegin = 8 + length
  if (dataBegin > file.size) fail(`its header should end at byte ${dataBegin}, but the file has ${file.size} bytes; download it again`)
  const bytes = dataBegin <= first.length ? first.subarray(8, dataBegin) : await readRest(file, first, dataBegin)
  const { tensors, metadata } = parseHeader(bytes, fail)
  return { tensors: checkLayout(tensors, dataBegin, file.size, fail), metadata, dataBegin }
}

function headerLength(first: Uint8Array, fail: Fail): number {
  const view = new DataView(first.buffer, first.byteOffset, first.byteLength)
  const length = view.getBigUint64(0, true)
  if (length <= BigInt(MAX_HEADER_BYTES)) return Number(length)
  const start = String.fromCharCode(...first.subarray(0, 8))
  if (start === 'version ') return fail('it is a Git LFS pointer, not the file itself; run `git lfs pull` or download the real file')
  if (/^\s*<(!|html)/i.test(start)) return fail('it is an HTML page; the server answered with a page in place of the file')
  return fail(`its header claims ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed`)
}

async function readRest(file: HeaderSource, first: Uint8Array, dataBegin: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(dataBegin - 8)
  bytes.set(first.subarray(8))
  bytes.set(await file.read(first.length, dataBegin), first.length - 8)
  return bytes
}

type RawHeader = { tensors: [string, TensorEntry][]; metadata: ReadonlyMap<string, string> }

function parseHeader(bytes: Uint8Array, fail: Fail): RawHeader {
  const text = decodeUtf8(bytes, fail)
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    fail(`its header is not JSON (${error instanceof Error ? error.message : error})`)
  }
  if (!isRecord(parsed)) return fail('its header is not a JSON object')
  const { duplicateKey, badNumber } = findJsonFlaws(text)
  if (duplicateKey !== undefined) fail(`its header has the key '${duplicateKey}' twice`)
  if (badNumber !== undefined) fail(`its header has the number ${badNumber}; only integers from 0 to 2^53 − 1 are allowed`)
  const tensors: [string, TensorEntry][] = []
  let metadata: ReadonlyMap<string, string> = new Map()
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '__metadata__') metadata = parseMetadata(value, fail)
    else tensors.push([name, parseEntry(name, value, fail)])
  }
  return { tensors, metadata }
}

function decodeUtf8(bytes: Uint8Array, fail: Fail): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return fail('its header is not UTF-8')
  }
}

function parseMetadata(value: unknown, fail: Fail): ReadonlyMap<string, string> {
  if (value === null) return new Map()
  if (!isRecord(value)) return fail('its __metadata__ is not an object of strings')
  const metadata = new Map<string, string>()
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') return fail(`its __metadata__ '${key}' is not a string`)
    metadata.set(key, text)
  }
  return metadata
}

/** One tensor's entry as written: offsets still count from the end of the header. */
function parseEntry(name: string, value: unknown, fail: Fail): TensorEntry {
  if (!isRecord(value)) return fail(`the entry of tensor '${name}' is not an object`)
  const { dtype, shape, data_offsets: offsets } = value
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BITS, dtype)) {
    return fail(`tensor '${name}' has dtype ${JSON.stringify(dtype)}; allowed are ${Object.keys(DTYPE_BITS).join(', ')}`)
  }
  if (!isNumberList(shape)) return fail(`tensor '${name}' has shape ${JSON.stringify(shape)}; it must be a list of integers`)
  if (!isNumberList(offsets) || offsets.length !== 2) {
    return fail(`tensor '${name}' has data_offsets ${JSON.stringify(offsets)}; they must be two integers`)
  }
  return { dtype: dtype as SafetensorsDtype, shape, begin: offsets[0] as number, end: offsets[1] as number }
}

/** Checks that the tensors tile the data section exactly, and turns their offsets into places in the file. */
function checkLayout(raw: [string, TensorEntry][], dataBegin: number, fileSize: number, fail: Fail): ReadonlyMap<string, TensorEntry> {
  const sorted = raw.toSorted(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  const tensors = new Map<string, TensorEntry>()
  let previousEnd = 0
  for (const [name, entry] of sorted) {
    const { dtype, shape, begin, end } = entry
    if (begin !== previousEnd || end < begin) {
      fail(
        `tensor '${name}' lies at [${begin}, ${end}), but must start at ${previousEnd}, where the one before it ends, and not end before that`,
      )
    }
    const bytes = sizeInBytes(name, entry, fail)
    if (bytes !== end - begin) {
      fail(`tensor '${name}' of type ${dtype} and shape [${shape.join(', ')}] needs ${bytes} bytes, but has ${end - begin}`)
    }
    tensors.set(name, { dtype, shape, begin: dataBegin + begin, end: dataBegin + end })
    previousEnd = end
  }
  const described = dataBegin + previousEnd
  if (described !== fileSize) {
    const advice = described > fileSize ? 'the file was cut short; download it again' : 'there are bytes that no tensor owns'
    fail(`its header describes ${described} bytes, but the file has ${fileSize}: ${advice}`)
  }
  return tensors
}

function sizeInBytes(name: string, { dtype, shape }: TensorEntry, fail: Fail): number {
  let bits: number = DTYPE_BITS[dtype]
  for (const size of shape) {
    bits *= size
    if (!Number.isSafeInteger(bits))
      return fail(`tensor '${name}' of type ${dtype} and shape [${shape.join(', ')}] is too large to address`)
  }
  if (bits % 8 !== 0)
    return fail(`tensor '${name}' of type ${dtype} and shape [${shape.join(', ')}] is no whole number of bytes (${bits} bits)`)
  return bits / 8
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether each number is a plain integer was seen in the text. */
function isNumberList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number')
}
