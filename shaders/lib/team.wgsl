// Products of a few tokens with rows of a matrix, for decode steps. A workgroup is TEAMS teams of LANES threads. A team makes four rows of
// the product for TOKENS tokens: its threads take the chunks of a row in turn, so that together they read consecutive memory, and each
// weight is read and decoded once for all tokens. How many chunks there are is known when the kernel is compiled, so that loads of all
// steps can be on their way at once.
//
// Needs: TOKENS, dot-* (Weights, Input), `params` with `tokens`, and from the shader
//   fn weight_row(team: u32, r: u32) -> u32     the team's r-th row of the matrix; must be inside it

override LANES = 32u;
override TEAMS = 2u;
override CHUNKS = 32u;      // of a row
override THREADS = LANES * TEAMS;
override STEPS = (CHUNKS + LANES - 1u) / LANES;
override EVEN = CHUNKS % LANES == 0u;

// By token; four rows each.
alias Sums = array<vec4<f32>, TOKENS>;

// A thread's part of its team's sums. Tokens past the end repeat the last one; nobody stores them.
fn partial_sums(team: u32, first_token: u32, lane: u32) -> Sums {
  var sums: Sums;
  let row = vec4(weight_row(team, 0u), weight_row(team, 1u), weight_row(team, 2u), weight_row(team, 3u)) * CHUNKS + lane;
  for (var step = 0u; step < STEPS; step++) {
    let c = step * LANES;
    if (EVEN || c + lane < CHUNKS) {
      let w0 = load_weights(row.x + c);
      let w1 = load_weights(row.y + c);
      let w2 = load_weights(row.z + c);
      let w3 = load_weights(row.w + c);
      let scale = vec4(chunk_scale(row.x + c), chunk_scale(row.y + c), chunk_scale(row.z + c), chunk_scale(row.w + c));
      for (var t = 0u; t < TOKENS; t++) {
        let token = min(first_token + t, params.tokens - 1u);
        let input = load_input(token * CHUNKS * UNITS, c + lane, CHUNKS);
        sums[t] += vec4(chunk_dot(w0, input), chunk_dot(w1, input), chunk_dot(w2, input), chunk_dot(w3, input)) * scale;
      }
    }
  }
  return sums;
}
