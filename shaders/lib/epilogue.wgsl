// What follows a matrix product: out = activation(sum + bias[row]) + residual[at].
// Needs: activate, `bias: array<f32>` [rows], `residual: array<f32>` of the output's shape, and `params` with `has_bias` and `has_residual`, which
// say whether to read them: params, so that the layers of a model share their pipelines.

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
