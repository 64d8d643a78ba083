// Weights stored as f16 pairs, read without the shader-f16 feature. Indices count groups of 4 columns ("quads") or chunks over the
// whole matrix, row after row. Needs: `weight: array<WeightWord>`.

alias WeightWord = vec2<u32>;

// Quads in a chunk: what one thread of a matrix-vector product reads at once.
const CHUNK = 2u;
alias Chunk = array<vec4<f32>, CHUNK>;

fn weight4(quad: u32) -> vec4<f32> {
  let word = weight[quad];
  return vec4(unpack2x16float(word.x), unpack2x16float(word.y));
}

// A chunk's values up to its scale.
fn chunk_values(chunk: u32) -> Chunk {
  return Chunk(weight4(chunk * 2), weight4(chunk * 2 + 1));
}

fn chunk_scale(chunk: u32) -> f32 {
  return 1.0;
}
