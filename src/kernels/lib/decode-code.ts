import actF16 from '../../../shaders/lib/act-f16.wgsl'
import actF32 from '../../../shaders/lib/act-f32.wgsl'
import actPlace from '../../../shaders/lib/act-place.wgsl'
import dotF32 from '../../../shaders/lib/dot-f32.wgsl'
import dotHalf from '../../../shaders/lib/dot-half.wgsl'
import dotMixed from '../../../shaders/lib/dot-mixed.wgsl'
import normNone from '../../../shaders/lib/norm-none.wgsl'
import normSquares from '../../../shaders/lib/norm-squares.wgsl'
import team from '../../../shaders/lib/team.wgsl'
import teamSum from '../../../shaders/lib/team-sum.wgsl'
import teamSumSubgroups from '../../../shaders/lib/team-sum-subgroups.wgsl'
import weightQ4Wide from '../../../shaders/lib/weight-q4-wide.wgsl'
import type { Kernel } from '../../gpu/kernel.ts'
import type { Tensor } from '../../gpu/tensor.ts'
import { chunkColumns, weightCode } from './weight-code.ts'

type Format = keyof typeof weightCode

/** How a decode step's kernels compute on a GPU. */
export interface DecodeVariant {
  /** How activations between products are stored; f16 needs shader-f16. */
  readonly act: 'f32' | 'f16'
  /** Threads of every subgroup; 0: subgroups are not used. */
  readonly subgroup: number
}

/** The input of a decode step's product. */
export interface Acts {
  /** [tokens, width] of the variant's type, laid out as shaders/lib/act-place says. */
  readonly values: Tensor
  /** f32 [tokens, parts]: sums of squares, where the product is to divide by the root mean square. */
  readonly squares: Tensor | undefined
}

const ACT_CODE = { f32: actF32, f16: actF16 } as const
/** Columns of a unit, which a thread loads at once. */
export const UNIT_COLUMNS = { f32: 4, f16: 8 } as const

/** Columns that a thread reads at once; a row must be a whole number of them. */
export const decodeChunk = (format: Format, act: DecodeVariant['act']): number =>
  format === 'q4' && act === 'f16' ? 32 : chunkColumns[format]

/** Units of a chunk that a product with weights of this format reads. */
export const unitsOf = (format: Format, act: DecodeVariant['act']): number => decodeChunk(format, act) / UNIT_COLUMNS[act]

/** Pieces that say how activations are stored; `enable`s come first in a shader. */
export const actCode = (act: DecodeVariant['act']): readonly [enables: string, ...code: string[]] => [
  act === 'f16' ? 'enable f16;' : '',
  ACT_CODE[act],
  actPlace,
]

/** Features a variant's kernels need. */
const featuresOf = (act: DecodeVariant['act'], subgroups: boolean): GPUFeatureName[] => [
  ...(act === 'f16' ? (['shader-f16'] as const) : []),
  ...(subgroups ? (['subgroups'] as const) : []),
]

/** What one kernel of a decode step is defined by, beside its own shader. */
export interface TeamPieces {
  /** Such as `-q4-f16-subgroups`. */
  readonly suffix: string
  readonly code: readonly string[]
  readonly features: readonly GPUFeatureName[]
}

/** The kernel for weights of this format and so many tokens that share one reading of them. */
export type TeamKernels = (format: Format, variant: DecodeVariant, tokens: number) => Kernel

/** All of them, for those who go through every kernel. */
export const teamKernelFamilies: TeamKernels[] = []

/**
 * Kernels of one shader by weight format, activations, tokens and whether subgroups are used, each defined when it is first needed. f32
 * weights go with f32 activations only. Tokens are a constant of the code, so that each thread's sums stay in registers.
 */
export function teamKernels(norm: boolean, define: (pieces: TeamPieces) => Kernel): TeamKernels {
  const kernels = new Map<string, Kernel>()
  const family: TeamKernels = (format, { act, subgroup }, tokens) => {
    if (format === 'f32' && act === 'f16') throw new Error('no decode kernel has weights in f32 and activations in f16')
    const subgroups = subgroup > 0
    const suffix = `-${format}-${act}${subgroups ? '-subgroups' : ''}-${tokens}`
    const kernel = kernels.get(suffix) ?? define(teamPieces(suffix, format, { act, subgroups, norm, tokens }))
    kernels.set(suffix, kernel)
    return kernel
  }
  teamKernelFamilies.push(family)
  return family
}

function teamPieces(
  suffix: string,
  format: Format,
  { act, subgroups, norm, tokens }: { act: DecodeVariant['act']; subgroups: boolean; norm: boolean; tokens: number },
): TeamPieces {
  const dot = act === 'f32' ? dotF32 : format === 'q4' ? dotHalf : dotMixed
  const [enables, ...acts] = actCode(act)
  const code = [
    ...[subgroups ? `${enables}\nenable subgroups;` : enables, dot === dotHalf ? weightQ4Wide : weightCode[format], ...acts, dot],
    ...[`const TOKENS = ${tokens}u;`, norm ? normSquares : normNone, team, subgroups ? teamSumSubgroups : teamSum],
  ]
  return { suffix, code, features: featuresOf(act, subgroups) }
}

/** Overrides of shaders/lib/team.wgsl: threads of a team, and teams of a workgroup. */
export interface Team {
  readonly LANES: number
  readonly TEAMS: number
}

/** Tokens that share one reading of the weights: fewer where each thread's sums have to fit a workgroup's memory. */
const mostTokens = (subgroup: number): number => (subgroup > 0 ? 16 : 8)

/** Weights and tokens that a team's kernel is compiled for, and the workgroups along tokens. */
export function teamConstants(
  { LANES, TEAMS }: Team,
  { format, cols }: { format: Format; cols: number },
  tokens: number,
  variant: DecodeVariant,
) {
  const { act, subgroup } = variant
  // Rounded up to a power of two, so that few pipelines serve all batches.
  const TOKENS = Math.min(mostTokens(subgroup), LANES, 2 ** Math.ceil(Math.log2(tokens)))
  if (subgroup > 0 && (LANES * TEAMS) % subgroup !== 0)
    throw new Error(`${TEAMS} teams of ${LANES} threads are no whole subgroups of ${subgroup}`)
  const CHUNKS = cols / decodeChunk(format, act)
  return {
    /** Tokens that share one reading of the weights. */
    shared: TOKENS,
    constants: { LANES, TEAMS, CHUNKS, ...(subgroup > 0 ? { SUBGROUP: subgroup } : {}) },
    tokenGroups: Math.ceil(tokens / TOKENS),
  }
}

/** What a norm's factor is made of, as constants. squares: [tokens, parts]. */
export const normConstants = (squares: Tensor, epsilon: number) => ({ SQUARE_PARTS: squares.shape[1] ?? 0, EPSILON: epsilon })

/**
 * The team for a product of this shape: of those tried on an H200 (shapes of 2B to 8B models, one token, weights cold) what was fastest or
 * within a tenth of it. Where rows are few, more threads share one, so that the whole GPU has work; q4 rows of few chunks take small teams.
 */
export function teamFor(weight: { rows: number; cols: number; format: Format }, tokens: number, variant: DecodeVariant): Team {
  const { rows, cols, format } = weight
  const few = rows <= 4096
  if (tokens > 1) return few ? { LANES: 64, TEAMS: 1 } : { LANES: 32, TEAMS: 2 }
  if (few && cols > 2 * rows) return { LANES: 128, TEAMS: 1 }
  const half = format === 'q4' && variant.act === 'f16'
  if (few) return half ? { LANES: 64, TEAMS: 2 } : { LANES: 128, TEAMS: 1 }
  return half && rows > 8192 ? { LANES: 16, TEAMS: 8 } : { LANES: 32, TEAMS: 4 }
}
