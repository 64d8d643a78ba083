// What follows a matrix product, four values at a time: out = activation(sum + bias[row]) + residual, or silu(gate) · up.
// Needs: activate, quad-*, `bias`, `residual`: array<vec4<f32>>, `output: array<Quad>`, and `params` with `tokens`, `rows` of the weight,
// `has_bias` and `has_residual`, which say whether to read them.

// quad: of the row.
fn store(sums: vec4<f32>, token: u32, quad: u32) {
  let quads = params.rows / 4u;
  if (token >= params.tokens || quad >= quads) { return; }
  var value = sums;
  if (params.has_bias != 0u) { value += bias[quad]; }
  value = vec4(activate(value.x), activate(value.y), activate(value.z), activate(value.w));
  if (params.has_residual != 0u) { value += residual[token * quads + quad]; }
  output[token * quads + quad] = pack_quad(value);
}

fn store_gated(gates: vec4<f32>, ups: vec4<f32>, token: u32, quad: u32) {
  let quads = params.rows / 8u;
  if (token >= params.tokens || quad >= quads) { return; }
  var gate = gates;
  var up = ups;
  if (params.has_bias != 0u) { gate += bias[quad]; up += bias[quads + quad]; }
  output[token * quads + quad] = pack_quad(gate * vec4(logistic(gate.x), logistic(gate.y), logistic(gate.z), logistic(gate.w)) * up);
}
