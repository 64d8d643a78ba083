// out[t, n] = epilogue(Σ_k x[t, k] · W[n, k]) for 1…8 tokens t, as matvec, with sums added up across threads by subgroup shuffles.
//
// x [tokens, columns] f32, W [rows, columns] in any format, columns a whole number of chunks, out [tokens, rows] f32; sums in f32.
// Threads of a subgroup are taken to have consecutive indices, as on every GPU known. Subgroups may be of any power of two: those
// smaller than a team meet in workgroup memory, larger ones hold several teams, which shuffles by less than LANES do not mix.

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

// WebGPU's smallest subgroup has 4 threads.
override SUMS = ROWS * TOKENS;
var<workgroup> partial: array<f32, THREADS / 4 * SUMS>;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_size) subgroup_size: u32,
) {
  let lane = thread % LANES;
  let first = team_row(group, groups, thread / LANES);
  let sums = partial_sums(first, lane);
  // How much of a team one subgroup holds, and how many such parts there are.
  let span = min(subgroup_size, LANES);
  let parts = LANES / span;
  // The output that this thread will store, if it is one of the team's first.
  var mine = 0.0;
  var up = 0.0;
  for (var r = 0u; r < ROWS; r++) {
    for (var t = 0u; t < TOKENS; t++) {
      let index = r * TOKENS + t;
      let sum = span_sum(sums[r][t], subgroup_size);
      if (parts > 1 && thread % span == 0) {
        partial[thread / span * SUMS + index] = sum;
      }
      mine = select(mine, sum, lane == index);
      up = select(up, sum, lane + OUTPUTS == index);
    }
  }
  workgroupBarrier();
  if (lane < OUTPUTS) {
    if (parts > 1) {
      mine = total(thread / LANES, parts, lane);
      if (GATED) {
        up = total(thread / LANES, parts, lane + OUTPUTS);
      }
    }
    store(mine, up, first + lane / TOKENS, lane % TOKENS);
  }
}

// The sum over the part of a team that lies in one subgroup; all its threads get it.
fn span_sum(value: f32, subgroup_size: u32) -> f32 {
  var sum = value;
  for (var distance = LANES / 2; distance > 0; distance /= 2) {
    let other = subgroupShuffleXor(sum, distance);
    sum += select(0.0, other, distance < subgroup_size);
  }
  return sum;
}

// A team's sum number `index`, from its parts.
fn total(team: u32, parts: u32, index: u32) -> f32 {
  var sum = 0.0;
  for (var part = 0u; part < parts; part++) {
    sum += partial[(team * parts + part) * SUMS + index];
  }
  return sum;
}
