// Keys and values in pages are float16: four of them in two words.

alias KvWord = vec2<u32>;

fn unpack_kv(word: KvWord) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(word.x), unpack2x16float(word.y));
}

// Beyond the range of float16 the largest one stands: an infinity would turn the whole row into NaN.
fn pack_kv(value: vec4<f32>) -> KvWord {
  let inside = clamp(value, vec4<f32>(-65504.0), vec4<f32>(65504.0));
  return vec2<u32>(pack2x16float(inside.xy), pack2x16float(inside.zw));
}
