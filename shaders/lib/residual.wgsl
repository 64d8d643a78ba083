// x[t, n] += Σ_k input[t, k] · W[n, k] + bias[n], the residual stream after a layer's half, and what the next norm and product need of it:
//   next[t, n] = x[t, n] · next_norm[n],  squares[t, workgroup] = Σ x[t, n]² over the workgroup's rows
// The shader after this one binds the input at 0, has `params` with `tokens`, `has_bias`, `units` and `quads`, and
//   fn prepare(thread: u32)     called by all threads alike before anything is read
//
// W [4·quads, columns] in any format, x [tokens, 4·quads] f32 in place, next_acts [tokens, 4·quads] laid out for products in chunks of
// params.units units (lib/act-place), squares [tokens, workgroups]. lib/team does the rest; a team's rows follow one another.

@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> next_norm: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> next_acts: array<vec4<act>>;
@group(0) @binding(7) var<storage, read_write> squares: array<f32>;

var<workgroup> stored: array<f32, TEAMS * TOKENS>;

fn weight_row(team: u32, r: u32) -> u32 {
  return min(team, params.quads - 1u) * 4u + r;
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  prepare(thread);
  // The team and token that this thread stores; what it needs for that is on its way early.
  let t = thread / TEAMS;
  let token = group.y * TOKENS + t;
  let quad = group.x * TEAMS + thread % TEAMS;
  let stores = t < TOKENS && token < params.tokens && quad < params.quads;
  var value = vec4<f32>();
  var norm = vec4<f32>();
  if (stores) {
    value = x[token * params.quads + quad];
    norm = next_norm[quad];
    if (params.has_bias != 0u) {
      value += bias[quad];
    }
  }
  add_up(partial_sums(group.x * TEAMS + thread / LANES, group.y * TOKENS, thread % LANES), thread);
  if (stores) {
    value += total(thread % TEAMS, t) * sum_factor(t);
    x[token * params.quads + quad] = value;
    next_acts[token * params.quads + act_place(4u * quad, 4u * params.quads, params.units) / 4u] = to_acts(value * norm);
  }
  if (t < TOKENS) {
    stored[thread] = dot(value, value);
  }
  workgroupBarrier();
  if (thread < TOKENS && group.y * TOKENS + thread < params.tokens) {
    var sum = 0.0;
    for (var team = 0u; team < TEAMS; team++) {
      sum += stored[thread * TEAMS + team];
    }
    squares[(group.y * TOKENS + thread) * groups.x + group.x] = sum;
  }
}
