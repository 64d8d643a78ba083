// A product of a decode step that goes to the residual stream: x[t, n] += Σ_k input[t, k] · W[n, k] + bias[n]
//
// acts [tokens, columns] = input. lib/residual does the rest.

struct Params { tokens: u32, quads: u32, has_bias: u32, units: u32 }

@group(0) @binding(0) var<storage, read> acts: array<ActUnit>;
@group(1) @binding(0) var<uniform> params: Params;

fn prepare(thread: u32) {}
