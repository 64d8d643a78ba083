// Products in f16 of a group of q4 weights with inputs stored as f16; 16 columns are summed in f16. Needs: weight-q4-wide, act-f16,
// `acts: array<ActUnit>`.

const UNITS = 4u;
// Nibbles less 8, in pairs.
alias Weights = array<vec2<f16>, 16>;
alias Input = array<ActUnit, 4>;

// Under the exponent of 2^10 a nibble n reads as 1024 + n, and 4 bits up as 1024 + 16n.
fn low_pair(word: u32) -> vec2<f16> {
  return bitcast<vec2<f16>>((word & 0x000f000fu) | 0x64006400u) - vec2(1032.0h);
}

fn high_pair(word: u32) -> vec2<f16> {
  return fma(bitcast<vec2<f16>>((word & 0x00f000f0u) | 0x64006400u), vec2(0.0625h), vec2(-72.0h));
}

fn load_weights(chunk: u32) -> Weights {
  let w = weight[chunk];
  return Weights(
    low_pair(w.x), high_pair(w.x), low_pair(w.x >> 8u), high_pair(w.x >> 8u),
    low_pair(w.y), high_pair(w.y), low_pair(w.y >> 8u), high_pair(w.y >> 8u),
    low_pair(w.z), high_pair(w.z), low_pair(w.z >> 8u), high_pair(w.z >> 8u),
    low_pair(w.w), high_pair(w.w), low_pair(w.w >> 8u), high_pair(w.w >> 8u));
}

// Chunk c of the chunks of a row that starts at unit `row`.
fn load_input(row: u32, c: u32, chunks: u32) -> Input {
  return Input(acts[row + c], acts[row + chunks + c], acts[row + 2u * chunks + c], acts[row + 3u * chunks + c]);
}

fn octet_dot(a: vec2<f16>, b: vec2<f16>, c: vec2<f16>, d: vec2<f16>, input: ActUnit, before: vec2<f16>) -> vec2<f16> {
  var sum = fma(a, bitcast<vec2<f16>>(input.x), before);
  sum = fma(b, bitcast<vec2<f16>>(input.y), sum);
  sum = fma(c, bitcast<vec2<f16>>(input.z), sum);
  return fma(d, bitcast<vec2<f16>>(input.w), sum);
}

fn chunk_dot(w: Weights, input: Input) -> f32 {
  let first = octet_dot(w[4], w[5], w[6], w[7], input[1], octet_dot(w[0], w[1], w[2], w[3], input[0], vec2<f16>()));
  let second = octet_dot(w[12], w[13], w[14], w[15], input[3], octet_dot(w[8], w[9], w[10], w[11], input[2], vec2<f16>()));
  return f32(first.x) + f32(first.y) + f32(second.x) + f32(second.y);
}
