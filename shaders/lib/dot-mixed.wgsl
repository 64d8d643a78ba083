// Products in f32 of a chunk of weights with inputs stored as f16. Needs: weight-*, act-f16, `acts: array<ActUnit>`.

const UNITS = CHUNK / 2u;
alias Weights = Chunk;
alias Input = Chunk;

fn load_weights(chunk: u32) -> Weights {
  return chunk_values(chunk);
}

// Chunk c of the chunks of a row that starts at unit `row`.
fn load_input(row: u32, c: u32, chunks: u32) -> Input {
  var input: Input;
  for (var i = 0u; i < UNITS; i++) {
    let unit = acts[row + i * chunks + c];
    input[2u * i] = vec4(unpack2x16float(unit.x), unpack2x16float(unit.y));
    input[2u * i + 1u] = vec4(unpack2x16float(unit.z), unpack2x16float(unit.w));
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
