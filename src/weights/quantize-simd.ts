import { assemble, type WasmFunction } from '../util/wasm-assembler.ts'
import { QUANT_GROUP, type QuantizeGroups, quantize4, quantize8 } from './quantize.ts'

/** Values quantized at a time: few enough to stay in the fastest cache. */
export const STRIP = 4096

/** Where things lie in WebAssembly's memory of one page: f32 values, 16-bit words, what comes of them, and the groups' scales. */
const VALUES = 0
const WORDS = VALUES + STRIP * 4
const DATA = WORDS + STRIP * 2
const SCALES = DATA + STRIP

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** The largest lane of `most`, to `largest`. */
const LARGEST_LANE = `
  local.get most i32x4.extract_lane 0 local.set largest
  ${[1, 2, 3]
    .map(
      (lane) => `local.get most i32x4.extract_lane ${lane} local.tee other
  local.get largest local.get other local.get largest i32.gt_u select local.set largest`,
    )
    .join('\n')}`

/** The magnitude bits of the largest of the 32 values at `at`, to `largest`. Values that are not finite have the largest bits. */
const LARGEST = `
  ${range(8)
    .map((i) => `local.get at v128.load ${16 * i} local.get unsigned v128.and ${i > 0 ? 'i32x4.max_s' : ''}`)
    .join('\n')}
  local.set most ${LARGEST_LANE}
  ;; infinite or NaN: the caller's
  local.get largest i32.const 0x7f800000 i32.ge_u if local.get done return end`

/** The half nearest to the f64 `exact`, by way of an f32 as halfOfFloatBits does it, to `half`. */
const TO_HALF = `
  local.get exact f32.demote_f64 i32.reinterpret_f32 local.tee bits
  i32.const 0x7fffffff i32.and local.set magnitude
  local.get magnitude i32.const 0x47800000 i32.ge_u if
    i32.const 0x7c00 local.set half
  else local.get magnitude i32.const 0x38800000 i32.ge_u if
    local.get magnitude i32.const 0x38000000 i32.sub i32.const 0x0fff i32.add
    local.get magnitude i32.const 13 i32.shr_u i32.const 1 i32.and i32.add i32.const 13 i32.shr_u local.set half
  else local.get magnitude i32.const 0x33000000 i32.lt_u if
    i32.const 0 local.set half
  else
    local.get magnitude i32.const 0x7fffff i32.and i32.const 0x800000 i32.or local.set significand
    i32.const 126 local.get magnitude i32.const 23 i32.shr_u i32.sub local.set shift
    local.get significand i32.const 1 local.get shift i32.const 1 i32.sub i32.shl i32.add i32.const 1 i32.sub
    local.get significand local.get shift i32.shr_u i32.const 1 i32.and i32.add local.get shift i32.shr_u local.set half
  end end end
  local.get half local.get bits i32.const 16 i32.shr_u i32.const 0x8000 i32.and i32.or local.set half`

/** The f32 that the magnitude of `half` stands for: bits moved to an f32's places, which are 2^112 too small. */
const MAGNITUDE_OF_HALF = `
  local.get half i32.const 0x7fff i32.and i32.const 13 i32.shl f32.reinterpret_i32 f32.const ${2 ** 112} f32.mul`

/** Stores `half`, and goes on with the next group unless all are done. */
const nextGroup = (dataBytes: number): string => `
  local.get scales local.get half i32.store16 0
  local.get scales i32.const 2 i32.add local.set scales
  local.get at i32.const 128 i32.add local.set at
  local.get data i32.const ${dataBytes} i32.add local.set data
  local.get done i32.const 1 i32.add local.tee done local.get groups i32.lt_u br_if 0`

const pairAt = (i: number): string => `local.get at v128.load64_zero ${8 * i} f64x2.promote_low_f32x4`

/** Begins with vectors that stay the same. */
const vectors = (values: Readonly<Record<string, number>>): string =>
  Object.entries(values)
    .map(([name, value]) => `f64.const ${value} f64x2.splat local.set ${name}`)
    .join('\n')

const BEGIN = 'i32.const 0x7fffffff i32x4.splat local.set unsigned'
const HALF_LOCALS = 'bits magnitude half significand shift'

/** quantize8 for as many groups as are finite; gives their number. */
const QUANTIZE_8: WasmFunction = {
  name: 'quantize8',
  params: 'at data scales groups',
  locals: { i32: `done largest other ${HALF_LOCALS}`, f64: 'exact value', v128: 'unsigned most per rounded offset' },
  body: `
  ${BEGIN}
  ${vectors({ rounded: 128.5 })}
  i32.const 128 i32x4.splat local.set offset
  loop
    ${LARGEST}
    local.get largest f32.reinterpret_i32 f64.promote_f32 local.tee value f64.const 127 f64.div local.set exact
    ${TO_HALF}
    ;; rounded down too far
    ${MAGNITUDE_OF_HALF} f64.promote_f32 f64.const 127.5 f64.mul local.get value f64.le
    local.get largest i32.const 0 i32.gt_u i32.and local.get half i32.add local.set half
    local.get half i32.const 0x7c00 i32.ge_u if local.get done return end
    ${MAGNITUDE_OF_HALF} f64.promote_f32 local.set value
    f64.const 1 local.get value f64.div f64.const 0 local.get half select f64x2.splat local.set per
    ${[0, 1]
      .map((part) => {
        const two = (i: number): string =>
          `${pairAt(part * 8 + i)} local.get per f64x2.mul local.get rounded f64x2.add i32x4.trunc_sat_f64x2_s_zero`
        const four = (i: number): string =>
          `${two(2 * i)} ${two(2 * i + 1)} i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 local.get offset i32x4.sub`
        const eight = (i: number): string => `${four(2 * i)} ${four(2 * i + 1)} i16x8.narrow_i32x4_s`
        return `local.get data ${eight(0)} ${eight(1)} i8x16.narrow_i16x8_s v128.store ${16 * part}`
      })
      .join('\n')}
    ${nextGroup(32)}
  end
  local.get done`,
}

/** The sums of fittedStep for one pair of values and one way to round. Only EXACT and FINE go beyond the highest code. */
const sumPair = (way: 'A' | 'B' | 'C'): string => `
  local.get pair local.get per${way} f64x2.mul local.get rounded f64x2.add f64x2.trunc
  ${way === 'B' ? '' : 'local.get highest f64x2.pmin'} local.get middle f64x2.sub local.tee code
  local.get pair f64x2.mul local.get product${way} f64x2.add local.set product${way}
  local.get code local.get code f64x2.mul local.get square${way} f64x2.add local.set square${way}`

const sumOf = (vector: string): string => `local.get ${vector} f64x2.extract_lane 0 local.get ${vector} f64x2.extract_lane 1 f64.add`

/** fittedStep, to `exact`. Sums of products are exact in f64, so their order does not matter. */
const FITTED_STEP = `
  f64.const 0 f64x2.splat ${['productA', 'productB', 'productC', 'squareA', 'squareB'].map((name) => `local.tee ${name}`).join(' ')} local.set squareC
  ${[
    ['A', -8],
    ['B', -7.2],
    ['C', -8.6],
  ]
    .map(([way, at]) => `f64.const ${at} local.get value f64.div f64x2.splat local.set per${way}`)
    .join('\n')}
  ${range(16)
    .map((i) => `${pairAt(i)} local.set pair ${sumPair('A')} ${sumPair('B')} ${sumPair('C')}`)
    .join('\n')}
  ${['A', 'B', 'C']
    .map(
      (way) => `${sumOf(`product${way}`)} local.tee value ${sumOf(`square${way}`)} f64.div local.tee step${way}
    local.get value f64.mul local.set gain${way}`,
    )
    .join('\n')}
  local.get stepC
  local.get stepB local.get stepA local.get gainB local.get gainA f64.gt select
  local.get gainC local.get gainA local.get gainB f64.max f64.gt select local.set exact`

/** Codes of eight values, and their word: even values in its lower half, odd ones in its upper. */
const packWord = (word: number): string => {
  const codes = (pair: number): string =>
    `${pairAt(word * 4 + pair)} local.get perA f64x2.mul local.get rounded f64x2.add f64x2.trunc local.get zero f64x2.pmax local.get highest f64x2.pmin`
  const [first = '', ...others] = range(4).reverse().map(codes)
  return `local.get data
  ${first} ${others.map((next) => `local.get sixteen f64x2.mul ${next} f64x2.add`).join(' ')} local.tee code
  f64x2.extract_lane 0 i32.trunc_f64_u local.get code f64x2.extract_lane 1 i32.trunc_f64_u i32.const 16 i32.shl i32.or i32.store ${4 * word}`
}

/** quantize4 for as many groups as are finite; gives their number. */
const QUANTIZE_4: WasmFunction = {
  name: 'quantize4',
  params: 'at data scales groups',
  locals: {
    i32: `done largest other mask ${HALF_LOCALS}`,
    f64: 'exact value stepA stepB stepC gainA gainB gainC',
    v128: 'unsigned most pair code perA perB perC productA productB productC squareA squareB squareC rounded middle highest zero sixteen',
  },
  body: `
  ${BEGIN}
  ${vectors({ rounded: 8.5, middle: 8, highest: 15, zero: 0, sixteen: 16 })}
  loop
    ${LARGEST}
    local.get largest if
      ;; the first value of that magnitude, with its sign
      local.get largest i32x4.splat local.set most
      block
      ${range(8)
        .map(
          (i) => `local.get at v128.load ${16 * i} local.get unsigned v128.and local.get most i32x4.eq i32x4.bitmask local.tee mask if
        local.get at local.get mask i32.ctz i32.const 2 i32.shl i32.add f32.load ${16 * i} f64.promote_f32 local.set value br 1 end`,
        )
        .join('\n')}
      end
      ${FITTED_STEP}
      ${TO_HALF}
      local.get half i32.const 0x7fff i32.and i32.const 0x7c00 i32.ge_u if local.get done return end
    else
      i32.const 0 local.set half
    end
    ${MAGNITUDE_OF_HALF} f64.promote_f32 local.set value
    f64.const 1 f64.const -1 local.get half i32.const 0x8000 i32.lt_u select local.get value f64.div
    f64.const 0 local.get half i32.const 0x7fff i32.and select f64x2.splat local.set perA
    ${range(4).map(packWord).join('\n')}
    ${nextGroup(16)}
  end
  local.get done`,
}

/** Goes through `blocks` times eight 16-bit words, each half of them widened to 32 bits in `four` and by `code` to f32. */
const widenBody = (code: string): string => `
  loop
    ${['low', 'high']
      .map(
        (half, i) => `local.get words v128.load 0 i32x4.extend_${half}_i16x8_u local.set four
    local.get at ${code} v128.store ${16 * i}`,
      )
      .join('\n')}
    local.get words i32.const 16 i32.add local.set words
    local.get at i32.const 32 i32.add local.set at
    local.get blocks i32.const 1 i32.sub local.tee blocks br_if 0
  end`

const WIDEN_BFLOATS: WasmFunction = {
  name: 'widenBfloats',
  params: 'words at blocks',
  locals: { v128: 'four' },
  body: `${widenBody('local.get four i32.const 16 i32x4.shl')} i32.const 1`,
}

/** Halves, as in MAGNITUDE_OF_HALF. Gives 0 where one is not finite: then what was widened is wrong. */
const WIDEN_HALVES: WasmFunction = {
  name: 'widenHalves',
  params: 'words at blocks',
  locals: { i32: 'largest other', v128: 'four unsigned sign scale most' },
  body: `
  i32.const 0x7fff i32x4.splat local.set unsigned
  i32.const 0x8000 i32x4.splat local.set sign
  f32.const ${2 ** 112} f32x4.splat local.set scale
  ${widenBody(`
    local.get four local.get unsigned v128.and local.get most i32x4.max_s local.set most
    local.get four local.get unsigned v128.and i32.const 13 i32x4.shl local.get scale f32x4.mul
    local.get four local.get sign v128.and i32.const 16 i32x4.shl v128.or`)}
  ${LARGEST_LANE}
  local.get largest i32.const 0x7c00 i32.lt_u`,
}

/** Quantizes strips of values that lie in a memory of its own. Bytes are those of quantize8 and quantize4. */
export interface SimdQuantizer {
  /** STRIP values. */
  readonly strip: Float32Array<ArrayBuffer>
  /** Widens values to the beginning of the strip, a multiple of 32 of them. bytes: at any place. False: some are not finite, which it cannot. */
  widen(bytes: Uint8Array, dtype: 'BF16' | 'F16'): boolean
  /** Of the strip or its beginning. */
  readonly quantize8: QuantizeGroups
  readonly quantize4: QuantizeGroups
}

type Quantize = (at: number, data: number, scales: number, groups: number) => number
type Widen = (words: number, at: number, blocks: number) => number

type Compiled = Readonly<Record<'quantize8' | 'quantize4', Quantize>> &
  Readonly<Record<'widenBfloats' | 'widenHalves', Widen>> & { readonly memory: WebAssembly.Memory }

/** Compiles the quantizer. Undefined where the browser or the page's security policy allows no WebAssembly with vectors. */
export function createSimdQuantizer(): SimdQuantizer | undefined {
  let compiled: Compiled
  try {
    const module = new WebAssembly.Module(assemble([QUANTIZE_8, QUANTIZE_4, WIDEN_BFLOATS, WIDEN_HALVES], 1))
    compiled = new WebAssembly.Instance(module).exports as unknown as Compiled
  } catch {
    return undefined
  }
  const { buffer } = compiled.memory as { buffer: ArrayBuffer }
  const memory = new Uint8Array(buffer)
  const quantizer =
    (kernel: Quantize, plain: QuantizeGroups, groupBytes: number): QuantizeGroups =>
    (values, at, data, scales) => {
      const count = values.length / QUANT_GROUP
      let overflow = 0
      let group = 0
      while (group < count) {
        const done = kernel(VALUES + group * QUANT_GROUP * 4, DATA + group * groupBytes, SCALES + group * 2, count - group)
        data.set(memory.subarray(DATA + group * groupBytes, DATA + (group + done) * groupBytes), (at + group) * groupBytes)
        scales.set(new Uint16Array(buffer, SCALES + group * 2, done), at + group)
        group += done
        if (group === count) break
        overflow += plain(values.subarray(group * QUANT_GROUP, (group + 1) * QUANT_GROUP), at + group, data, scales)
        group++
      }
      return overflow
    }
  return {
    strip: new Float32Array(buffer, VALUES, STRIP),
    widen(bytes, dtype) {
      memory.set(bytes, WORDS)
      return compiled[dtype === 'BF16' ? 'widenBfloats' : 'widenHalves'](WORDS, VALUES, bytes.length / 16) !== 0
    },
    quantize8: quantizer(compiled.quantize8, quantize8, QUANT_GROUP),
    quantize4: quantizer(compiled.quantize4, quantize4, QUANT_GROUP / 2),
  }
}
