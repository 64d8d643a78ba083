// One token per row: the arg-max at temperature 0, else a draw from softmax(logits / temperature) among the tokens that min_p, top_k
// and top_p leave (in vLLM's order: min_p, top_k, then top_p of what remains; tokens equal to a threshold stay).
//
// Both thresholds are found exactly by building the largest key, bit by bit, whose upper set still holds k tokens (or p of the
// mass), over keys that order like the floats. The draw is Gumbel-max: the largest of logit/temperature + g, where g comes from a
// hash of (seed, output index, token), so a row's draw does not depend on what runs beside it.
// logits [rows, vocabulary]; sampling [rows, 8] (0: temperature, 1: top_p, 2: top_k, 3: min_p); seeds [rows, 2];
// output_index, tokens [rows]. One workgroup per row. A row with a value that is not finite gets NO_INDEX.

struct Params { vocabulary: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> sampling: array<f32>;
@group(0) @binding(2) var<storage, read> seeds: array<u32>;
@group(0) @binding(3) var<storage, read> output_index: array<u32>;
@group(0) @binding(4) var<storage, read_write> tokens: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

// Floats as unsigned integers of the same order.
fn key_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}

// How much of the row lies at or above `key` (and `floor_key`): the number of tokens, or their mass relative to the likeliest one.
fn upper(row: u32, thread: u32, key: u32, count: bool, temperature: f32, peak: f32) -> f32 {
  var sum = 0.0;
  for (var i = thread; i < params.vocabulary; i += WORKGROUP_SIZE) {
    let x = logits[row + i];
    if (key_of(x) >= key) {
      sum += select(exp((x - peak) / temperature), 1.0, count);
    }
  }
  return reduce_sum(sum, thread);
}

// The largest key whose upper set reaches `target`, at least floor_key.
fn threshold(row: u32, thread: u32, goal: f32, floor_key: u32, count: bool, temperature: f32, peak: f32) -> u32 {
  var key = 0u;
  for (var bit = 32u; bit > 0u; bit--) {
    let candidate = key | (1u << (bit - 1u));
    if (upper(row, thread, max(candidate, floor_key), count, temperature, peak) >= goal) {
      key = candidate;
    }
  }
  return max(key, floor_key);
}

// pcg3d (Jarzynski and Olano, JCGT 2020): three words to one well-mixed word.
fn hash(a: u32, b: u32, c: u32) -> u32 {
  var v = vec3<u32>(a, b, c) * 1664525u + 1013904223u;
  v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
  v ^= v >> vec3<u32>(16u);
  v.x += v.y * v.z; v.y += v.z * v.x; v.z += v.x * v.y;
  return v.x;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.x * params.vocabulary;
  let temperature = sampling[group.x * 8u];
  let top_p = sampling[group.x * 8u + 1u];
  let top_k = u32(sampling[group.x * 8u + 2u]);
  let min_p = sampling[group.x * 8u + 3u];

  var best = Best(LOWEST, NO_INDEX);
  var bad = 0.0;
  for (var i = thread; i < params.vocabulary; i += WORKGROUP_SIZE) {
    let x = logits[row + i];
    bad = select(bad, 1.0, not_finite(x));
    best = better(best, Best(x, i));
  }
  let peak = reduce_best(best, thread);
  let any_bad = reduce_sum(bad, thread) > 0.0;
  if (any_bad || temperature <= 0.0) {
    if (thread == 0u) { tokens[group.x] = select(peak.index, NO_INDEX, any_bad); }
    return;
  }

  var floor_key = 0u;
  if (min_p > 0.0) {
    floor_key = key_of(peak.value + log(min_p) * temperature);
  }
  if (top_k > 0u && top_k < params.vocabulary) {
    // Fewer than k tokens may be left above min_p; then the search ends at key 0 and floor_key stands.
    floor_key = max(floor_key, threshold(row, thread, f32(top_k), 0u, true, temperature, peak.value));
  }
  if (top_p < 1.0) {
    let total = upper(row, thread, floor_key, false, temperature, peak.value);
    floor_key = threshold(row, thread, top_p * total, floor_key, false, temperature, peak.value);
  }

  var drawn = Best(LOWEST, NO_INDEX);
  for (var i = thread; i < params.vocabulary; i += WORKGROUP_SIZE) {
    let x = logits[row + i];
    if (key_of(x) >= floor_key) {
      let bits = hash(seeds[group.x * 2u] ^ (i * 0x9e3779b9u), seeds[group.x * 2u + 1u] + i, output_index[group.x]);
      let uniform_value = (f32(bits >> 8u) + 0.5) / 16777216.0;
      drawn = better(drawn, Best((x - peak.value) / temperature - log(-log(uniform_value)), i));
    }
  }
  let token = reduce_best(drawn, thread);
  if (thread == 0u) { tokens[group.x] = token.index; }
}
