// Activations between the products of a decode step are f32.

alias act = f32;
// A unit is what a thread loads at once.
alias ActUnit = vec4<f32>;
const UNIT = 4u;
const ACT_SCALE = 1.0;
alias Wide = array<vec4<f32>, 1>;

fn to_act(value: f32) -> f32 {
  return value;
}

fn to_acts(value: vec4<f32>) -> vec4<f32> {
  return value;
}

fn pack_unit(values: Wide) -> ActUnit {
  return values[0];
}
