// Keys and values in pages are float16, written two at a time.

alias KvPair = u32;

// Beyond the range of float16 the largest one stands: an infinity would turn the whole row into NaN.
fn pack_pair(value: vec2<f32>) -> KvPair {
  return pack2x16float(clamp(value, vec2<f32>(-65504.0), vec2<f32>(65504.0)));
}
