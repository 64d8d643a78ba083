// Products of a chunk of weights with inputs in f32. Needs: weight-*, act-f32, `acts: array<ActUnit>`.

const UNITS = CHUNK;
alias Weights = Chunk;
alias Input = Chunk;

fn load_weights(chunk: u32) -> Weights {
  return chunk_values(chunk);
}

// Chunk c of the chunks of a row that starts at unit `row`.
fn load_input(row: u32, c: u32, chunks: u32) -> Input {
  var input: Input;
  for (var i = 0u; i < CHUNK; i++) {
    input[i] = acts[row + i * chunks + c];
  }
  return input;
}

fn chunk_dot(weights: Weights, input: Input) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < CHUNK; i++) {
    sum += dot(weights[i], input[i]);
  }
  return sum;
}
