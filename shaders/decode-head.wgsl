// out[t, n] = Σ_k norm(x)[t, k] · W[n, k] + bias[n], the logits of a decode step
//
// acts [tokens, columns] = x times the norm's weights, squares those of x (lib/norm-squares); W [rows, columns] in any format;
// out [tokens, rows] f32. Workgroups are folded into y. lib/team does the rest.

struct Params { tokens: u32, rows: u32, has_bias: u32 }

@group(0) @binding(0) var<storage, read> acts: array<ActUnit>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn weight_row(team: u32, r: u32) -> u32 {
  return min(team * 4u + r, params.rows - 1u);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first_team = (group.y * groups.x + group.x) * TEAMS;
  let first_token = group.z * TOKENS;
  let squared = load_squares(first_token, thread);
  let sums = partial_sums(first_team + thread / LANES, first_token, thread % LANES);
  lay_squares(squared, thread);
  add_up(sums, thread);
  let t = thread / TEAMS;
  let token = first_token + t;
  if (t < TOKENS && token < params.tokens) {
    let logits = total(thread % TEAMS, t) * sum_factor(t);
    for (var r = 0u; r < 4u; r++) {
      let row = (first_team + thread % TEAMS) * 4u + r;
      if (row < params.rows) {
        out[token * params.rows + row] = logits[r] + select(0.0, bias[row], params.has_bias != 0u);
      }
    }
  }
}
