// Weights stored as nibbles with an f16 scale per 32 columns: value = (nibble − 8) · scale. Of the 8 columns in a word, column 2i sits
// in nibble i and column 2i+1 in nibble i+4. Indices count groups of 4 columns ("quads") or chunks over the whole matrix, row after
// row. Needs: `weight: array<WeightWord>`, `scales: array<u32>` (f16 pairs).

alias WeightWord = vec2<u32>;

// Quads in a chunk: what one thread of a matrix-vector product reads at once.
const CHUNK = 4u;
alias Chunk = array<vec4<f32>, CHUNK>;

// The four columns whose nibbles are the low bytes of both halves of `pairs` (columns 0 and 1 in the low nibbles, 2 and 3 above).
// A nibble n at bit p under the exponent of 2^(23−p) reads as 2^(23−p) + n: exact, and far cheaper on most GPUs than converting
// integers.
fn nibbles4(pairs: u32) -> vec4<f32> {
  let halves = vec2(pairs, pairs >> 16);
  let low = bitcast<vec2<f32>>((halves & vec2(0xfu)) | vec2(0x4b000000u)) - (8388608.0 + 8.0);
  let high = bitcast<vec2<f32>>((halves & vec2(0xf0u)) | vec2(0x49000000u)) - (524288.0 + 8.0);
  return vec4(low.x, low.y, high.x, high.y);
}

fn weight4(quad: u32) -> vec4<f32> {
  let word = weight[quad / 4][(quad / 2) % 2];
  return nibbles4(word >> (8 * (quad % 2))) * group_scale(quad / 8);
}

// A chunk's values up to its scale.
fn chunk_values(chunk: u32) -> Chunk {
  let words = weight[chunk];
  return Chunk(nibbles4(words.x), nibbles4(words.x >> 8), nibbles4(words.y), nibbles4(words.y >> 8));
}

fn chunk_scale(chunk: u32) -> f32 {
  return group_scale(chunk / 2);
}

fn group_scale(group: u32) -> f32 {
  return unpack2x16float(scales[group / 2])[group % 2];
}
