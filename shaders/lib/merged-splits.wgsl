// The splits of an attention put together:
//   merged(head) = Σ_split share[split] partial[split] / Σ_split share[split],  share = sum · exp(top − max_split top)
//
// A split with sum 0 had nothing to do, and its partial is not read.
// Needs: `partials: array<vec4<f32>>` [tokens, HEADS, splits, HEAD_DIM], `stats: array<vec2<f32>>` [tokens, HEADS, splits] = top, sum.

override HEAD_DIM: u32 = 64u;
override HEADS: u32 = 1u;
override COLUMNS: u32 = HEAD_DIM / 4u;

// Four dims of a token, counted over all its heads.
fn merged(token: u32, quad: u32, splits: u32) -> vec4<f32> {
  let first = (token * HEADS + quad / COLUMNS) * splits;
  var top = stats[first].x;
  for (var split = 1u; split < splits; split++) { top = max(top, stats[first + split].x); }
  var total = vec4<f32>();
  var sum = 0.0;
  for (var split = 0u; split < splits; split++) {
    let stat = stats[first + split];
    if (stat.y > 0.0) {
      let share = stat.y * exp(stat.x - top);
      total += share * partials[(first + split) * COLUMNS + quad % COLUMNS];
      sum += share;
    }
  }
  return total / sum;
}
