// The product after a decode step's attention, for one token: x[n] += Σ_k attended[k] · W[n, k] + bias[n], where
//   attended[head] = Σ_split share[split] partial[split] / Σ_split share[split],  share = sum · exp(top − max_split top)
//
// partials [HEADS, SPLITS, HEAD_DIM]; stats [HEADS, SPLITS] = top, sum; a split with sum 0 had nothing to do, and its partial is not used.
// Every workgroup puts the splits together for itself, in its memory: with few splits that costs less than a dispatch.
// lib/residual does the rest. The piece before it says: SPLITS.

override HEAD_DIM = 64u;         // a multiple of UNIT
override INPUT_UNITS = 64u;      // columns / UNIT

struct Params { tokens: u32, quads: u32, has_bias: u32, units: u32 }

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read> stats: array<vec2<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> acts: array<ActUnit, INPUT_UNITS>;

fn prepare(thread: u32) {
  for (var unit = thread; unit < INPUT_UNITS; unit += THREADS) {
    acts[act_place(unit * UNIT, INPUT_UNITS * UNIT, UNITS) / UNIT] = pack_unit(combine(unit));
  }
  workgroupBarrier();
}

fn combine(unit: u32) -> Wide {
  let first = unit * UNIT / HEAD_DIM * SPLITS;
  var parts: array<Wide, SPLITS>;
  var found: array<vec2<f32>, SPLITS>;
  for (var split = 0u; split < SPLITS; split++) {
    found[split] = stats[first + split];
    let at = ((first + split) * HEAD_DIM + unit * UNIT % HEAD_DIM) / 4u;
    for (var i = 0u; i < UNIT / 4u; i++) { parts[split][i] = partials[at + i]; }
  }
  var top = found[0].x;
  for (var split = 1u; split < SPLITS; split++) { top = max(top, found[split].x); }
  var total: Wide;
  var sum = 0.0;
  for (var split = 0u; split < SPLITS; split++) {
    let share = found[split].y * exp(found[split].x - top);
    sum += share;
    for (var i = 0u; i < UNIT / 4u; i++) { total[i] += select(vec4<f32>(), share * parts[split][i], share > 0.0); }
  }
  for (var i = 0u; i < UNIT / 4u; i++) { total[i] /= sum; }
  return total;
}
