/** ACTIVATION of shaders/lib/epilogue.wgsl. gelu: the exact form with erf; gelu-tanh: its tanh approximation; quick-gelu: x·σ(1.702x). */
export const activationCode = { none: 0, gelu: 1, 'gelu-tanh': 2, 'quick-gelu': 3, silu: 4 } as const

/** Applied to a linear layer's sum and bias. */
export type Activation = keyof typeof activationCode
