// token[row] = the index of the row's largest value over its chunks, or NO_INDEX if any chunk holds none.
//
// best_values, best_indices [rows, chunks] → tokens [rows]. One workgroup per row.

struct Params { chunks: u32 }

@group(0) @binding(0) var<storage, read> best_values: array<f32>;
@group(0) @binding(1) var<storage, read> best_indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> tokens: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  var best = Best(LOWEST, NO_INDEX);
  var bad = 0.0;
  for (var c = thread; c < params.chunks; c += WORKGROUP_SIZE) {
    let at = group.x * params.chunks + c;
    bad = select(bad, 1.0, best_indices[at] == NO_INDEX);
    best = better(best, Best(best_values[at], best_indices[at]));
  }
  let winner = reduce_best(best, thread);
  let any_bad = reduce_sum(bad, thread) > 0.0;
  if (thread == 0u) {
    tokens[group.x] = select(winner.index, NO_INDEX, any_bad);
  }
}
