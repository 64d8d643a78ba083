// Natural log-probabilities under softmax(logits), per row: the TOP likeliest tokens in order (ties: lower id first), and the chosen
// token with its rank (1 + the number of likelier tokens).
//
// logits [rows, vocabulary]; chosen [rows] or forced [rows]: a forced id other than NO_INDEX takes the place of the chosen one.
// top_ids, top_logprobs [rows, max(TOP, 1)]; chosen_logprob, chosen_rank [rows]. One workgroup per row: the log-sum-exp, then one
// scan per top token for the best one behind the last.

override TOP: u32 = 0;

struct Params { vocabulary: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> chosen: array<u32>;
@group(0) @binding(2) var<storage, read> forced: array<u32>;
@group(0) @binding(3) var<storage, read_write> top_ids: array<u32>;
@group(0) @binding(4) var<storage, read_write> top_logprobs: array<f32>;
@group(0) @binding(5) var<storage, read_write> chosen_logprob: array<f32>;
@group(0) @binding(6) var<storage, read_write> chosen_rank: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.x * params.vocabulary;
  var last = Best(3.4e38, NO_INDEX);
  var log_sum = 0.0;
  // Round 0 finds the peak, which the log-sum-exp needs; it is also the first of the top tokens.
  for (var round = 0u; round < max(TOP, 1u); round++) {
    var best = Best(LOWEST, NO_INDEX);
    for (var i = thread; i < params.vocabulary; i += WORKGROUP_SIZE) {
      let x = logits[row + i];
      let behind = round == 0u || x < last.value || (x == last.value && i > last.index);
      if (behind) { best = better(best, Best(x, i)); }
    }
    last = reduce_best(best, thread);
    if (round == 0u) {
      var sum = 0.0;
      for (var i = thread; i < params.vocabulary; i += WORKGROUP_SIZE) {
        sum += exp(logits[row + i] - last.value);
      }
      log_sum = last.value + log(reduce_sum(sum, thread));
    }
    if (thread == 0u && TOP > 0u) {
      top_ids[group.x * TOP + round] = last.index;
      top_logprobs[group.x * TOP + round] = last.value - log_sum;
    }
  }

  let forced_id = forced[group.x];
  let id = min(select(forced_id, chosen[group.x], forced_id == NO_INDEX), params.vocabulary - 1u);
  let x = logits[row + id];
  var ahead = 0.0;
  for (var i = thread; i < params.vocabulary; i += WORKGROUP_SIZE) {
    ahead += select(0.0, 1.0, logits[row + i] > x);
  }
  let likelier = reduce_sum(ahead, thread);
  if (thread == 0u) {
    chosen_logprob[group.x] = x - log_sum;
    chosen_rank[group.x] = 1u + u32(likelier);
  }
}
