// For each row and chunk: the largest logit and its index, or NO_INDEX if the chunk holds a value that is not finite.
//
// logits [rows, vocabulary] → best_values, best_indices [rows, chunks]. One workgroup per (chunk, row); chunk c holds the columns
// c · CHUNK … so that the threads of a workgroup read neighbouring columns. argmax-finish folds the chunks.

override CHUNK: u32 = 4096;

struct Params { vocabulary: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> best_values: array<f32>;
@group(0) @binding(2) var<storage, read_write> best_indices: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let end = min((group.x + 1u) * CHUNK, params.vocabulary);
  var best = Best(LOWEST, NO_INDEX);
  var bad = 0.0;
  for (var i = group.x * CHUNK + thread; i < end; i += WORKGROUP_SIZE) {
    let value = logits[group.y * params.vocabulary + i];
    bad = select(bad, 1.0, not_finite(value));
    best = better(best, Best(value, i));
  }
  let winner = reduce_best(best, thread);
  let any_bad = reduce_sum(bad, thread) > 0.0;
  if (thread == 0u) {
    let at = group.y * groups.x + group.x;
    best_values[at] = winner.value;
    best_indices[at] = select(winner.index, NO_INDEX, any_bad);
  }
}
