// Weights stored as f32. Indices count groups of 4 columns ("quads") or chunks over the whole matrix, row after row.
// Needs: `weight: array<WeightWord>`.

alias WeightWord = vec4<u32>;

// Quads in a chunk: what one thread of a matrix-vector product reads at once.
const CHUNK = 1u;
alias Chunk = array<vec4<f32>, CHUNK>;

fn weight4(quad: u32) -> vec4<f32> {
  return bitcast<vec4<f32>>(weight[quad]);
}

// A chunk's values up to its scale.
fn chunk_values(chunk: u32) -> Chunk {
  return Chunk(weight4(chunk));
}

fn chunk_scale(chunk: u32) -> f32 {
  return 1.0;
}
