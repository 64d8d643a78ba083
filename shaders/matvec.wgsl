// out[t, n] = epilogue(Σ_k x[t, k] · W[n, k]) for 1…8 tokens t: reads the weights once, which is what a decode step costs.
//
// x [tokens, columns] f32, W [rows, columns] in any format, columns a whole number of chunks, out [tokens, rows] f32; sums in f32.
// Each thread of a team sums its chunks (lib/matvec), puts its sums into workgroup memory, and one thread per output adds them up.

struct Params {
  tokens: u32,
  rows: u32,
  chunks: u32,
  has_bias: u32,
  has_residual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Sums of a thread lie together; the odd stride keeps both their writer and their reader on different memory banks.
override STRIDE = (ROWS * TOKENS) | 1u;
var<workgroup> partial: array<f32, THREADS * STRIDE>;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let sums = partial_sums(team_row(group, groups, thread / LANES), thread % LANES);
  for (var r = 0u; r < ROWS; r++) {
    for (var t = 0u; t < TOKENS; t++) {
      partial[thread * STRIDE + r * TOKENS + t] = sums[r][t];
    }
  }
  workgroupBarrier();
  for (var i = thread; i < TEAMS * OUTPUTS; i += THREADS) {
    let team = i / OUTPUTS;
    let mine = i % OUTPUTS;
    var up = 0.0;
    if (GATED) {
      up = total(team, mine + OUTPUTS);
    }
    store(total(team, mine), up, team_row(group, groups, team) + mine / TOKENS, mine % TOKENS);
  }
}

// A team's sum number `index`.
fn total(team: u32, index: u32) -> f32 {
  var sum = 0.0;
  for (var lane = 0u; lane < LANES; lane++) {
    sum += partial[(team * LANES + lane) * STRIDE + index];
  }
  return sum;
}
