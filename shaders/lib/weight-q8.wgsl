// Weights stored as int8 with an f16 scale per 32 columns: value = int8 · scale. Indices count groups of 4 columns ("quads") or chunks
// over the whole matrix, row after row. Needs: `weight: array<WeightWord>`, `scales: array<u32>` (f16 pairs).

alias WeightWord = vec4<u32>;

// Quads in a chunk: what one thread of a matrix-vector product reads at once.
const CHUNK = 4u;
alias Chunk = array<vec4<f32>, CHUNK>;

// A byte b placed under the exponent of 2^23 (or, 8 bits up, of 2^15) reads as that power plus b: exact, and far cheaper on most
// GPUs than converting integers. Flipping the sign bits first makes int8 an unsigned byte, 128 more.
fn int8x4(word: u32) -> vec4<f32> {
  let bytes = vec2(word, word >> 16) ^ vec2(0x80808080u);
  let even = bitcast<vec2<f32>>((bytes & vec2(0xffu)) | vec2(0x4b000000u)) - (8388608.0 + 128.0);
  let odd = bitcast<vec2<f32>>((bytes & vec2(0xff00u)) | vec2(0x47000000u)) - (32768.0 + 128.0);
  return vec4(even.x, odd.x, even.y, odd.y);
}

fn weight4(quad: u32) -> vec4<f32> {
  return int8x4(weight[quad / 4][quad % 4]) * group_scale(quad / 8);
}

// A chunk's values up to its scale.
fn chunk_values(chunk: u32) -> Chunk {
  let words = weight[chunk];
  return Chunk(int8x4(words.x), int8x4(words.y), int8x4(words.z), int8x4(words.w));
}

fn chunk_scale(chunk: u32) -> f32 {
  return group_scale(chunk / 2);
}

fn group_scale(group: u32) -> f32 {
  return unpack2x16float(scales[group / 2])[group % 2];
}
