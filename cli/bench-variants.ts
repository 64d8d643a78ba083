/** What a model is measured with, for comparison. */
export interface Variant {
  readonly name: string
  /** Features that are left unused. */
  readonly without: readonly string[]
  /** A feature without which it is the same as the first. */
  readonly needs?: string
}

/** Everything that the adapter has, and then less. Kernels for subgroup matrices need the other two. */
export const VARIANTS: readonly Variant[] = [
  { name: 'all features', without: [] },
  { name: 'without subgroup matrices', without: ['subgroup-matrix'], needs: 'chromium-experimental-subgroup-matrix' },
  { name: 'without subgroups', without: ['subgroups', 'subgroup-matrix'], needs: 'subgroups' },
  { name: 'without shader-f16', without: ['shader-f16', 'subgroup-matrix'], needs: 'shader-f16' },
]
