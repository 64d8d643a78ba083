// Keys and values in pages are float32.

alias KvWord = vec4<f32>;

fn unpack_kv(word: KvWord) -> vec4<f32> {
  return word;
}

fn pack_kv(value: vec4<f32>) -> KvWord {
  return value;
}
