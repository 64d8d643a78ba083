// The sums of a matrix-vector product before they are added up across threads: shared by matvec and matvec-subgroup.
//
// A workgroup is TEAMS teams of LANES threads. A team makes ROWS rows of the product for all TOKENS tokens: its threads take the chunks
// of a row in turn, so that together they read consecutive memory, and each weight is read and decoded once for all tokens. Tokens
// past `params.tokens` repeat the last one; nobody stores them.
// GATED: W holds gate and up one after the other, and a team's rows are half gates, half their ups; out = silu(gate) · up.
// Needs: `x: array<vec4<f32>>` [tokens, columns], `weight`, `scales`, `bias`, `output`, and `params` with `tokens`, `rows` (of out) and
// `chunks` (per row of W).

override LANES = 32u;
override TEAMS = 2u;
override ROWS = 2u;
override TOKENS = 1u;
override GATED = false;
override THREADS = LANES * TEAMS;
// What a team stores: rows of out, and values.
override OUT_ROWS = select(ROWS, ROWS / 2, GATED);
override OUTPUTS = OUT_ROWS * TOKENS;

const MAX_ROWS = 4u;
const MAX_TOKENS = 8u;
alias Sums = array<array<f32, MAX_TOKENS>, MAX_ROWS>;

// The first row of out that a team makes, counted over all workgroups.
fn team_row(group: vec3<u32>, groups: vec3<u32>, team: u32) -> u32 {
  return ((group.y * groups.x + group.x) * TEAMS + team) * OUT_ROWS;
}

// Row r of a team in W. Rows past the end repeat the last one; nobody stores them.
fn weight_row(first: u32, r: u32) -> u32 {
  return min(first + r % OUT_ROWS, params.rows - 1) + r / OUT_ROWS * params.rows;
}

// This thread's part of the team's sums.
fn partial_sums(first: u32, lane: u32) -> Sums {
  var sums: Sums;
  for (var c = lane; c < params.chunks; c += LANES) {
    var values: array<Chunk, MAX_ROWS>;
    var scale: array<f32, MAX_ROWS>;
    for (var r = 0u; r < ROWS; r++) {
      let at = weight_row(first, r) * params.chunks + c;
      values[r] = chunk_values(at);
      scale[r] = chunk_scale(at);
    }
    for (var t = 0u; t < TOKENS; t++) {
      var input: Chunk;
      for (var i = 0u; i < CHUNK; i++) {
        input[i] = x[(min(t, params.tokens - 1) * params.chunks + c) * CHUNK + i];
      }
      for (var r = 0u; r < ROWS; r++) {
        var product = 0.0;
        for (var i = 0u; i < CHUNK; i++) {
          product += dot(values[r][i], input[i]);
        }
        sums[r][t] += product * scale[r];
      }
    }
  }
  return sums;
}

// Stores an output; up is its other sum if GATED.
fn store(sum: f32, up: f32, row: u32, token: u32) {
  if (row < params.rows && token < params.tokens) {
    let at = token * params.rows + row;
    if (GATED) {
      let gate = add_bias(sum, row);
      output[at] = gate * logistic(gate) * add_bias(up, row + params.rows);
    } else {
      output[at] = epilogue(sum, row, at);
    }
  }
}
