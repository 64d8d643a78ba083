// Activations between the products of a decode step are f16, 1/128 of their value and at most LIMIT. Products with nibbles are summed in f16
// for 16 columns: 16 · 8 · LIMIT is still a number of f16, so that no activation, however large, makes an infinity or NaN.

alias act = f16;
// A unit is what a thread loads at once.
alias ActUnit = vec4<u32>;
const UNIT = 8u;
const ACT_SCALE = 0.0078125;
const LIMIT = 511.0;
alias Wide = array<vec4<f32>, 2>;

fn to_act(value: f32) -> f16 {
  return f16(clamp(value * ACT_SCALE, -LIMIT, LIMIT));
}

fn to_acts(value: vec4<f32>) -> vec4<f16> {
  return vec4<f16>(clamp(value * ACT_SCALE, vec4(-LIMIT), vec4(LIMIT)));
}

fn pack_unit(values: Wide) -> ActUnit {
  let low = clamp(values[0] * ACT_SCALE, vec4(-LIMIT), vec4(LIMIT));
  let high = clamp(values[1] * ACT_SCALE, vec4(-LIMIT), vec4(LIMIT));
  return vec4(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
}
