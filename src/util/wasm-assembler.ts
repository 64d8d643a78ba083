/** Types of WebAssembly's values. */
type ValueType = 'i32' | 'f32' | 'f64' | 'v128'

const VALUE_TYPES: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** A function that is exported under its name. Its parameters are its first locals; those of a type are listed as 'a b c'. */
export interface WasmFunction {
  readonly name: string
  /** All i32. */
  readonly params: string
  readonly locals: Partial<Readonly<Record<ValueType, string>>>
  /** Instructions as in WebAssembly's text format, unfolded; ';;' begins a comment. It leaves one i32 on the stack. */
  readonly body: string
}

/** What follows an instruction's name in the text. */
type Immediate = 'none' | 'local' | 'index' | 'memory' | 'block' | 'i32' | 'f32' | 'f64' | 'lane' | 'shuffle'

/** Opcodes by what follows them; those over 0xfd00 are of the vector group. */
const OPCODES: Readonly<Record<Exclude<Immediate, 'none'>, Readonly<Record<string, number>>>> = {
  block: { block: 0x02, loop: 0x03, if: 0x04 },
  index: { br: 0x0c, br_if: 0x0d },
  local: { 'local.get': 0x20, 'local.set': 0x21, 'local.tee': 0x22 },
  memory: {
    ...{ 'f32.load': 0x2a, 'i32.store': 0x36, 'i32.store16': 0x3b },
    ...{ 'v128.load': 0xfd00, 'v128.store': 0xfd0b, 'v128.load64_zero': 0xfd5d },
  },
  i32: { 'i32.const': 0x41 },
  f32: { 'f32.const': 0x43 },
  f64: { 'f64.const': 0x44 },
  lane: { 'i32x4.extract_lane': 0xfd1b, 'f64x2.extract_lane': 0xfd21 },
  shuffle: { 'i8x16.shuffle': 0xfd0d },
}

const PLAIN_OPCODES: Readonly<Record<string, number>> = {
  ...{ else: 0x05, end: 0x0b, return: 0x0f, select: 0x1b },
  ...{ 'i32.eqz': 0x45, 'i32.lt_u': 0x49, 'i32.gt_u': 0x4b, 'i32.ge_u': 0x4f, 'i32.ctz': 0x68 },
  ...{ 'i32.add': 0x6a, 'i32.sub': 0x6b, 'i32.and': 0x71, 'i32.or': 0x72, 'i32.shl': 0x74, 'i32.shr_u': 0x76 },
  ...{ 'f64.eq': 0x61, 'f64.gt': 0x64, 'f64.le': 0x65, 'f32.mul': 0x94 },
  ...{ 'f64.add': 0xa0, 'f64.mul': 0xa2, 'f64.div': 0xa3, 'f64.max': 0xa5 },
  ...{ 'i32.trunc_f64_u': 0xab, 'f32.demote_f64': 0xb6, 'f64.promote_f32': 0xbb, 'i32.reinterpret_f32': 0xbc, 'f32.reinterpret_i32': 0xbe },
  ...{ 'i32x4.splat': 0xfd11, 'f64x2.splat': 0xfd14, 'i32x4.eq': 0xfd37, 'v128.and': 0xfd4e, 'v128.or': 0xfd50 },
  ...{ 'f64x2.promote_low_f32x4': 0xfd5f, 'i8x16.narrow_i16x8_s': 0xfd65, 'f64x2.trunc': 0xfd7a, 'i16x8.narrow_i32x4_s': 0xfd85 },
  ...{ 'i32x4.bitmask': 0xfda4, 'i32x4.sub': 0xfdb1, 'i32x4.max_s': 0xfdb8 },
  ...{
    'i32x4.extend_low_i16x8_u': 0xfda9,
    'i32x4.extend_high_i16x8_u': 0xfdaa,
    'i32x4.shl': 0xfdab,
    'f32x4.splat': 0xfd13,
    'f32x4.mul': 0xfde6,
  },
  ...{ 'f64x2.add': 0xfdf0, 'f64x2.sub': 0xfdf1, 'f64x2.mul': 0xfdf2, 'f64x2.pmin': 0xfdf6, 'f64x2.pmax': 0xfdf7 },
  ...{ 'i32x4.trunc_sat_f64x2_s_zero': 0xfdfc },
}

/** Every instruction that is known here, with its opcode and what follows it. */
const INSTRUCTIONS = new Map<string, readonly [opcode: number, immediate: Immediate]>([
  ...Object.entries(PLAIN_OPCODES).map(([name, opcode]) => [name, [opcode, 'none']] as const),
  ...Object.entries(OPCODES).flatMap(([immediate, group]) =>
    Object.entries(group).map(([name, opcode]) => [name, [opcode, immediate as Immediate]] as const),
  ),
])

/**
 * The bytes of a WebAssembly module with these functions and `pages` of 64 KiB of memory, exported as `memory`. A small part of the
 * format, which is what our own code needs. Errors: a name that is not known.
 */
export function assemble(functions: readonly WasmFunction[], pages: number): Uint8Array<ArrayBuffer> {
  const exported = [...functions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)]), [...text('memory'), 2, 0]]
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      functions.map(({ params }) => [0x60, ...vector(words(params).map(() => [VALUE_TYPES.i32])), 1, VALUE_TYPES.i32]),
    ),
    ...section(
      3,
      functions.map((_, i) => unsigned(i)),
    ),
    ...section(5, [[0, ...unsigned(pages)]]),
    ...section(7, exported),
    ...section(10, functions.map(assembleFunction)),
  ])
}

function assembleFunction({ name, params, locals, body }: WasmFunction): number[] {
  const groups = Object.entries(locals).map(([type, names]) => ({ type: type as ValueType, names: words(names) }))
  const places = new Map([...words(params), ...groups.flatMap(({ names }) => names)].map((local, i) => [local, i]))
  const declared = vector(groups.map(({ type, names }) => [...unsigned(names.length), VALUE_TYPES[type]]))
  const tokens = words(body.replace(/;;[^\n]*/g, ''))[Symbol.iterator]()
  const next = (): string => tokens.next().value ?? ''
  const code: number[] = []
  for (let token = next(); token !== ''; token = next()) {
    const instruction = INSTRUCTIONS.get(token)
    if (!instruction) throw new Error(`${name}: there is no instruction '${token}'`)
    const [opcode, immediate] = instruction
    code.push(
      ...(opcode > 0xff ? [opcode >> 8, ...unsigned(opcode & 0xff)] : [opcode]),
      ...immediateBytes(immediate, { name, next, places }),
    )
  }
  const bytes = [...declared, ...code, 0x0b]
  return [...unsigned(bytes.length), ...bytes]
}

function immediateBytes(
  immediate: Immediate,
  { name, next, places }: { name: string; next: () => string; places: ReadonlyMap<string, number> },
): number[] {
  switch (immediate) {
    case 'none':
      return []
    case 'block':
      return [0x40]
    case 'index':
    case 'lane':
      return unsigned(Number(next()))
    case 'local': {
      const local = next()
      const place = places.get(local)
      if (place === undefined) throw new Error(`${name}: there is no local '${local}'`)
      return unsigned(place)
    }
    case 'memory':
      // No alignment is promised.
      return [0, ...unsigned(Number(next()))]
    case 'i32':
      return signed(Number(next()))
    case 'f32':
      return [...new Uint8Array(Float32Array.of(Number(next())).buffer)]
    case 'f64':
      return [...new Uint8Array(Float64Array.of(Number(next())).buffer)]
    case 'shuffle':
      return Array.from({ length: 16 }, () => Number(next()))
  }
}

const words = (list: string): string[] => list.split(/\s+/).filter((word) => word !== '')

const text = (string: string): number[] => [...unsigned(string.length), ...new TextEncoder().encode(string)]

const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()]

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const bytes = vector(items)
  return [id, ...unsigned(bytes.length), ...bytes]
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
    rest >>>= 7
  } while (rest > 0)
  return bytes
}

/** LEB128 with a sign. */
function signed(value: number): number[] {
  const bytes: number[] = []
  let rest = value | 0
  while (rest < -0x40 || rest > 0x3f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>= 7
  }
  return [...bytes, rest & 0x7f]
}
