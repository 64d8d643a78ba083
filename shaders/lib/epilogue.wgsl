// What follows a matrix product: out = activation(sum + bias[row]) + residual[at].
// Needs: `bias: array<f32>` [rows], `residual: array<f32>` of the output's shape, and `params` with `has_bias` and `has_residual`, which
// say whether to read them: params, so that the layers of a model share their pipelines.

// 0: none, 1: gelu, 2: gelu in its tanh form, 3: quick gelu, 4: silu.
override ACTIVATION = 0u;

// row: of the weight; at: index in the output.
fn epilogue(sum: f32, row: u32, at: u32) -> f32 {
  var value = activate(add_bias(sum, row));
  if (params.has_residual != 0) {
    value += residual[at];
  }
  return value;
}

fn add_bias(sum: f32, row: u32) -> f32 {
  if (params.has_bias != 0) {
    return sum + bias[row];
  }
  return sum;
}

fn activate(x: f32) -> f32 {
  switch (ACTIVATION) {
    case 1u: { return 0.5 * x * (1.0 + erf(x * 0.70710678118654752)); }
    // 0.5·(1 + tanh(y)) is the logistic function of 2y.
    case 2u: { return x * logistic(1.5957691216057308 * (x + 0.044715 * x * x * x)); }
    case 3u: { return x * logistic(1.702 * x); }
    case 4u: { return x * logistic(x); }
    default: { return x; }
  }
}
