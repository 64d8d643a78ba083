// Attention of one query token per sequence over its pages, the keys split among workgroups, as paged-attention-decode has it, with
// subgroups. For each split:
//   top = max_slot(score), sum = Σ_slot exp(score − top), partial = Σ_slot exp(score − top) v[slot] / sum,
//   score = q[head] · k[slot] / √HEAD_DIM
//
// queries [tokens, ROW_HEADS · HEAD_DIM] start with q; pages [blocks, KV_HEADS, 16, HEAD_DIM]; token_sequence, token_slot [tokens]; block_table
// [sequences, max_blocks]; partials [tokens, HEADS, splits, HEAD_DIM]; stats [tokens, HEADS, splits] = top, sum. A split without slots has
// sum 0 and leaves its partial as it was.
//
// The piece before this one says: SLOTS, EACH (units of a thread), GROUP.
//
// One workgroup per (GROUP ≤ 2 query heads of one kv head, split, token). Bands of LANES threads take slots in turn, SLOTS at a time: a
// thread has every LANES-th unit (eight dims) of its band's slots, of the queries and of the output. A band keeps its own largest score
// and sums, so that nobody waits for anybody; at the end the bands of a subgroup are put together by shuffles, subgroups through memory.

// A split is whole runs of so many slots.
const RUN = 32u;
const BLOCK_SIZE = 16u;
const HIDDEN: f32 = -1e30;

override THREADS = 128u;
override SUBGROUP = 32u;
override LANES = 8u;             // 4, 8 or 16
override HEAD_DIM = 64u;         // EACH · 8 · LANES
override HEADS = 1u;
override ROW_HEADS = HEADS;      // heads in a row of queries
override KV_HEADS = 1u;
override SCALE: f32 = 0.125;
override UNITS = HEAD_DIM / 8u;
override BANDS = THREADS / LANES;
override SUBGROUPS = THREADS / SUBGROUP;

struct Params { max_blocks: u32, splits: u32 }

@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> k_pages: array<KvUnit>;
@group(0) @binding(2) var<storage, read> v_pages: array<KvUnit>;
@group(0) @binding(3) var<storage, read> token_sequence: array<u32>;
@group(0) @binding(4) var<storage, read> token_slot: array<u32>;
@group(0) @binding(5) var<storage, read> block_table: array<u32>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> stats: array<vec2<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

alias Unit = array<vec4<f32>, 2>;
// What a band has found for one head: its largest score, the sum of weights, and the thread's units of the weighted values.
struct Found { top: f32, sum: f32, values: array<Unit, EACH> }

var<workgroup> tops: array<f32, SUBGROUPS * GROUP>;
var<workgroup> sums: array<f32, SUBGROUPS * GROUP>;
var<workgroup> outputs: array<vec4<f32>, SUBGROUPS * GROUP * UNITS * 2u>;

fn unit_dot(a: Unit, b: Unit) -> f32 {
  return dot(a[0], b[0]) + dot(a[1], b[1]);
}

// The sum over a band's lanes, given to all of them.
fn band_sum(value: f32) -> f32 {
  var sum = value + subgroupShuffleXor(value, 1u);
  sum += subgroupShuffleXor(sum, 2u);
  if (LANES > 4u) { sum += subgroupShuffleXor(sum, 4u); }
  if (LANES > 8u) { sum += subgroupShuffleXor(sum, 8u); }
  return sum;
}

// Puts two bands' findings together, lanes `mask` apart.
fn join(mine: Found, mask: u32) -> Found {
  var found = mine;
  found.top = max(mine.top, subgroupShuffleXor(mine.top, mask));
  let shrink = exp(mine.top - found.top);
  let sum = mine.sum * shrink;
  found.sum = sum + subgroupShuffleXor(sum, mask);
  for (var i = 0u; i < EACH; i++) {
    for (var j = 0u; j < 2u; j++) {
      let value = mine.values[i][j] * shrink;
      found.values[i][j] = value + subgroupShuffleXor(value, mask);
    }
  }
  return found;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let token = group.z;
  let first_head = group.x * GROUP;
  let kv_head = first_head / (HEADS / KV_HEADS);
  let table = token_sequence[token] * params.max_blocks;
  let slots = token_slot[token] + 1u;
  let per_split = (slots + params.splits * RUN - 1u) / (params.splits * RUN) * RUN;
  let begin = group.y * per_split;
  let end = min(begin + per_split, slots);
  let first = (token * HEADS + first_head) * params.splits + group.y;
  if (begin >= end) {
    if (thread < GROUP) { stats[first + thread * params.splits] = vec2(HIDDEN, 0.0); }
    return;
  }
  let lane = thread % LANES;
  var query: array<array<Unit, EACH>, GROUP>;
  var found: array<Found, GROUP>;
  for (var h = 0u; h < GROUP; h++) {
    for (var i = 0u; i < EACH; i++) {
      let at = ((token * ROW_HEADS + first_head + h) * UNITS + lane + i * LANES) * 2u;
      query[h][i] = Unit(queries[at] * SCALE, queries[at + 1u] * SCALE);
    }
    found[h].top = HIDDEN;
  }
  for (var base = begin; base < end; base += BANDS * SLOTS) {
    let start = base + thread / LANES;
    var keys: array<array<KvUnit, EACH>, SLOTS>;
    var values: array<array<KvUnit, EACH>, SLOTS>;
    for (var s = 0u; s < SLOTS; s++) {
      let slot = min(start + s * BANDS, end - 1u);
      let row = ((block_table[table + slot / BLOCK_SIZE] * KV_HEADS + kv_head) * BLOCK_SIZE + slot % BLOCK_SIZE) * UNITS;
      for (var i = 0u; i < EACH; i++) {
        keys[s][i] = k_pages[row + lane + i * LANES];
        values[s][i] = v_pages[row + lane + i * LANES];
      }
    }
    for (var h = 0u; h < GROUP; h++) {
      var scores: array<f32, SLOTS>;
      var top = found[h].top;
      for (var s = 0u; s < SLOTS; s++) {
        var part = 0.0;
        for (var i = 0u; i < EACH; i++) { part += unit_dot(query[h][i], unpack_unit(keys[s][i])); }
        scores[s] = select(HIDDEN, band_sum(part), start + s * BANDS < end);
        top = max(top, scores[s]);
      }
      let shrink = exp(found[h].top - top);
      found[h].top = top;
      found[h].sum *= shrink;
      for (var i = 0u; i < EACH; i++) {
        found[h].values[i][0] *= shrink;
        found[h].values[i][1] *= shrink;
      }
      for (var s = 0u; s < SLOTS; s++) {
        let weight = select(0.0, exp(scores[s] - top), start + s * BANDS < end);
        found[h].sum += weight;
        for (var i = 0u; i < EACH; i++) {
          let value = unpack_unit(values[s][i]);
          found[h].values[i][0] += value[0] * weight;
          found[h].values[i][1] += value[1] * weight;
        }
      }
    }
  }
  for (var h = 0u; h < GROUP; h++) {
    var joined = found[h];
    for (var mask = LANES; mask < SUBGROUP; mask *= 2u) { joined = join(joined, mask); }
    if (thread % SUBGROUP < LANES) {
      let at = thread / SUBGROUP * GROUP + h;
      tops[at] = joined.top;
      sums[at] = joined.sum;
      for (var i = 0u; i < EACH; i++) {
        outputs[(at * UNITS + lane + i * LANES) * 2u] = joined.values[i][0];
        outputs[(at * UNITS + lane + i * LANES) * 2u + 1u] = joined.values[i][1];
      }
    }
  }
  workgroupBarrier();
  for (var i = thread; i < GROUP * UNITS * 2u; i += THREADS) {
    let h = i / (UNITS * 2u);
    var top = tops[h];
    for (var s = 1u; s < SUBGROUPS; s++) { top = max(top, tops[s * GROUP + h]); }
    var sum = 0.0;
    var value = vec4<f32>();
    for (var s = 0u; s < SUBGROUPS; s++) {
      let shrink = exp(tops[s * GROUP + h] - top);
      sum += sums[s * GROUP + h] * shrink;
      value += outputs[(s * GROUP + h) * UNITS * 2u + i % (UNITS * 2u)] * shrink;
    }
    partials[(first + h * params.splits) * UNITS * 2u + i % (UNITS * 2u)] = value / sum;
    if (i % (UNITS * 2u) == 0u) { stats[first + h * params.splits] = vec2(top, sum); }
  }
}
