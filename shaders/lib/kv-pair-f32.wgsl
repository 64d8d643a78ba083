// Keys and values in pages are float32, written two at a time.

alias KvPair = vec2<f32>;

fn pack_pair(value: vec2<f32>) -> KvPair {
  return value;
}
