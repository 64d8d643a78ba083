// Puts the splits of a decode step's attention together, as attention-combine does, for the product that follows:
//   out[token, head] = Σ_split share[split] partial[split] / Σ_split share[split],  share = sum · exp(top − max_split top)
//
// partials [tokens, HEADS, splits, HEAD_DIM]; stats [tokens, HEADS, splits] = top, sum; out [tokens, HEADS · HEAD_DIM] laid out for products
// in chunks of params.units units (lib/act-place). A split with sum 0 had nothing to do, and its partial is not read. One thread per four
// dims.

override HEAD_DIM: u32 = 64u;
override HEADS: u32 = 1u;
override COLUMNS: u32 = HEAD_DIM / 4u;

struct Params { splits: u32, units: u32 }

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<act>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= HEADS * COLUMNS) { return; }
  let first = (id.y * HEADS + id.x / COLUMNS) * params.splits;
  var top = stats[first].x;
  for (var split = 1u; split < params.splits; split++) { top = max(top, stats[first + split].x); }
  var total = vec4<f32>();
  var sum = 0.0;
  for (var split = 0u; split < params.splits; split++) {
    let stat = stats[first + split];
    if (stat.y > 0.0) {
      let share = stat.y * exp(stat.x - top);
      total += share * partials[(first + split) * COLUMNS + id.x % COLUMNS];
      sum += share;
    }
  }
  let value = total / sum;
  let at = id.y * HEADS * HEAD_DIM + act_place(4u * id.x, HEADS * HEAD_DIM, params.units);
  for (var i = 0u; i < 4u; i++) {
    out[at + i] = to_act(value[i]);
  }
}
