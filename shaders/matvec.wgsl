// out[t, n] = epilogue(Σ_k x[t, k] · W[n, k]) for few tokens t: reads every weight once per 8 tokens, which is what a decode step costs.
//
// x [tokens, columns] f32, W [rows, columns] in any format, columns a whole number of chunks, out [tokens, rows] f32; sums in f32.
// A workgroup is TEAMS teams of LANES threads. A team makes ROWS rows of the product for TOKENS tokens: its threads take the chunks of
// a row in turn, so that together they read consecutive memory, and each weight is read and decoded once for all tokens. Then the
// threads put their sums into workgroup memory, and one thread per output adds them up.
// GATED: W holds gate and up one after the other, and a team's rows are half gates, half their ups; out = silu(gate) · up.
// NORM: x is first divided by its root mean square and multiplied by norm[k]. The division is left for the end, where it is one factor
// of the sum; the squares are summed along the way.

override LANES = 32u;
override TEAMS = 2u;
override ROWS = 2u;
override TOKENS = 1u;
override GATED = false;
override NORM = false;
override THREADS = LANES * TEAMS;
// What a team stores: rows of out, and values.
override OUT_ROWS = select(ROWS, ROWS / 2, GATED);
override OUTPUTS = OUT_ROWS * TOKENS;
// What a thread sums: its rows, and as if they were one more row, the squares.
override SUM_ROWS = select(ROWS, ROWS + 1, NORM);

const MAX_ROWS = 4u;
const MAX_TOKENS = 8u;
alias Sums = array<array<f32, MAX_TOKENS>, MAX_ROWS + 1>;

struct Params {
  tokens: u32,
  // Of out; W has twice as many if GATED.
  rows: u32,
  // Per row of W.
  chunks: u32,
  has_bias: u32,
  has_residual: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read> norm: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Sums of a thread lie together; the odd stride keeps both their writer and their reader on different memory banks.
override STRIDE = (SUM_ROWS * TOKENS) | 1u;
var<workgroup> partial: array<f32, THREADS * STRIDE>;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first_row = (group.y * groups.x + group.x) * TEAMS * OUT_ROWS;
  let first_token = group.z * TOKENS;
  let sums = partial_sums(first_row + thread / LANES * OUT_ROWS, first_token, thread % LANES);
  for (var r = 0u; r < SUM_ROWS; r++) {
    for (var t = 0u; t < TOKENS; t++) {
      partial[thread * STRIDE + r * TOKENS + t] = sums[r][t];
    }
  }
  workgroupBarrier();
  for (var i = thread; i < TEAMS * OUTPUTS; i += THREADS) {
    let team = i / OUTPUTS;
    let index = i % OUTPUTS;
    let token = index % TOKENS;
    var factor = 1.0;
    if (NORM) {
      let mean = total(team, ROWS * TOKENS + token) / f32(params.chunks * CHUNK * 4);
      factor = 1.0 / sqrt(mean + params.epsilon);
    }
    var up = 0.0;
    if (GATED) {
      up = total(team, index + OUTPUTS) * factor;
    }
    store(total(team, index) * factor, up, first_row + team * OUT_ROWS + index / TOKENS, first_token + token);
  }
}

// A thread's part of a team's sums. Rows and tokens past the end repeat the last one; nobody stores them.
fn partial_sums(first_row: u32, first_token: u32, lane: u32) -> Sums {
  var sums: Sums;
  for (var c = lane; c < params.chunks; c += LANES) {
    var values: array<Chunk, MAX_ROWS>;
    var scale: array<f32, MAX_ROWS>;
    for (var r = 0u; r < ROWS; r++) {
      let row = min(first_row + r % OUT_ROWS, params.rows - 1) + r / OUT_ROWS * params.rows;
      values[r] = chunk_values(row * params.chunks + c);
      scale[r] = chunk_scale(row * params.chunks + c);
    }
    for (var t = 0u; t < TOKENS; t++) {
      let token = min(first_token + t, params.tokens - 1);
      var input: Chunk;
      for (var i = 0u; i < CHUNK; i++) {
        input[i] = x[(token * params.chunks + c) * CHUNK + i];
        if (NORM) {
          sums[ROWS][t] += dot(input[i], input[i]);
          input[i] *= norm[c * CHUNK + i];
        }
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

// A team's sum number `index`.
fn total(team: u32, index: u32) -> f32 {
  var sum = 0.0;
  for (var lane = 0u; lane < LANES; lane++) {
    sum += partial[(team * LANES + lane) * STRIDE + index];
  }
  return sum;
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
