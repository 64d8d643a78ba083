// Results stored as f16 pairs, four at a time.

alias Quad = vec2<u32>;

// Beyond the range of f16 the largest one stands: an infinity would turn whole rows into NaN.
fn pack_quad(value: vec4<f32>) -> Quad {
  let inside = clamp(value, vec4<f32>(-65504.0), vec4<f32>(65504.0));
  return vec2<u32>(pack2x16float(inside.xy), pack2x16float(inside.zw));
}
