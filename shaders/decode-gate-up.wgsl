// out[t, n] = silu(gate) · up with gate = Σ_k norm(x)[t, k] · W[n, k] + bias[n], and up the same of row n + 2·pairs
//
// acts [tokens, columns] = x times the norm's weights, squares those of x (lib/norm-squares); W [4·pairs, columns] in any format;
// out [tokens, 2·pairs] laid out for products in chunks of params.units units (lib/act-place). lib/team does the rest; a team's rows
// are two gates and their ups.

struct Params { tokens: u32, pairs: u32, has_bias: u32, units: u32 }

@group(0) @binding(0) var<storage, read> acts: array<ActUnit>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> out: array<vec2<act>>;
@group(1) @binding(0) var<uniform> params: Params;

fn weight_row(team: u32, r: u32) -> u32 {
  return min(team, params.pairs - 1u) * 2u + r % 2u + r / 2u * 2u * params.pairs;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let first_token = group.y * TOKENS;
  // The token and pair of rows that this thread stores; what it needs for that is on its way early.
  let t = thread / TEAMS;
  let token = first_token + t;
  let pair = group.x * TEAMS + thread % TEAMS;
  let stores = t < TOKENS && token < params.tokens && pair < params.pairs;
  var added = vec4<f32>();
  if (stores && params.has_bias != 0u) {
    added = vec4(bias[pair], bias[params.pairs + pair]);
  }
  let squared = load_squares(first_token, thread);
  let sums = partial_sums(group.x * TEAMS + thread / LANES, first_token, thread % LANES);
  lay_squares(squared, thread);
  add_up(sums, thread);
  if (stores) {
    let sums = total(thread % TEAMS, t) * sum_factor(t) + added;
    let gated = vec2(sums.x * logistic(sums.x) * sums.z, sums.y * logistic(sums.y) * sums.w);
    let at = token * params.pairs + act_place(2u * pair, 2u * params.pairs, params.units) / 2u;
    out[at] = vec2(to_act(gated.x), to_act(gated.y));
  }
}
