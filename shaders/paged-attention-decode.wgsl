// Attention of one query token per sequence over its pages, the keys split among workgroups (flash decoding). For each split:
//   top = max_slot(score), sum = Σ_slot exp(score − top), partial = Σ_slot exp(score − top) v[slot] / sum,
//   score = q[head] · k[slot] / √HEAD_DIM
//
// roped [tokens, ROW_HEADS · HEAD_DIM] starts with q; pages [blocks, KV_HEADS, 16, HEAD_DIM]; token_sequence, token_slot
// [tokens]; block_table [sequences, max_blocks]; partials [tokens, HEADS, splits, HEAD_DIM]; stats [tokens, HEADS, splits] = top, sum.
// A split without slots has sum 0 and leaves its partial as it was.
//
// One workgroup per (GROUP ≤ 8 query heads of one kv head, split, token): a key or value is read once for all of them. Slots go in
// tiles of TILE. Scores: four threads share a slot, each with every fourth column. Weights: two threads per slot, four heads each.
// Output: a thread has one column and every TEAMS-th slot of the tile; the teams are summed at the end, two heads at a time.

// A split is whole runs of so many slots.
const RUN: u32 = 32u;
const HIDDEN: f32 = -1e30;

override THREADS: u32 = 128u;      // at least COLUMNS and GROUP; 8 divides it
override TILE: u32 = THREADS / 4u;
override HEADS: u32 = 1u;
override ROW_HEADS: u32 = HEADS;    // heads in a row of roped
override GROUP: u32 = 1u;
override SCALE: f32 = 0.125;
override TEAMS: u32 = THREADS / COLUMNS;
override QUERIES: u32 = 8u * COLUMNS;

struct Params { max_blocks: u32, splits: u32 }

@group(0) @binding(0) var<storage, read> roped: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> k_pages: array<KvWord>;
@group(0) @binding(2) var<storage, read> v_pages: array<KvWord>;
@group(0) @binding(3) var<storage, read> token_sequence: array<u32>;
@group(0) @binding(4) var<storage, read> token_slot: array<u32>;
@group(0) @binding(5) var<storage, read> block_table: array<u32>;
@group(0) @binding(6) var<storage, read_write> partials: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> stats: array<vec2<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> queries: array<vec4<f32>, QUERIES>;          // [head, column]
var<workgroup> work: array<vec4<f32>, 2u * THREADS>;        // parts of scores [part, slot, half]; at the end sums of threads [head, thread]
var<workgroup> scores: array<vec4<f32>, 2u * TILE>;         // [slot, half]: four heads each
var<workgroup> weights: array<vec4<f32>, 2u * TILE>;        // [slot, half]
var<workgroup> shrink: array<vec4<f32>, 2>;                 // by half: what earlier sums shrink by
var<workgroup> tops: array<vec4<f32>, 2>;
var<workgroup> sums: array<vec4<f32>, 2>;

// The place of a slot in the pages; past the end it repeats the last slot.
fn place(first_block: u32, kv_head: u32, slot: u32, end: u32) -> u32 {
  let inside = min(slot, end - 1u);
  return page_row(block_table[first_block + inside / BLOCK_SIZE], kv_head, inside);
}

fn query_rows(at: u32) -> mat4x4<f32> {
  return mat4x4<f32>(queries[at], queries[at + COLUMNS], queries[at + 2u * COLUMNS], queries[at + 3u * COLUMNS]);
}

fn score_parts(thread: u32, row: u32) {
  var low = vec4<f32>();
  var high = vec4<f32>();
  for (var column = thread % 4u; column < COLUMNS; column += 4u) {
    let key = unpack_kv(k_pages[row + column]);
    low += key * query_rows(column);
    if (GROUP > 4u) { high += key * query_rows(4u * COLUMNS + column); }
  }
  let at = (thread % 4u * TILE + thread / 4u) * 2u;
  work[at] = low;
  work[at + 1u] = high;
}

fn spread(value: vec4<f32>, weight: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(value * weight.x, value * weight.y, value * weight.z, value * weight.w);
}

fn scale_rows(rows: mat4x4<f32>, factor: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(rows[0] * factor.x, rows[1] * factor.y, rows[2] * factor.z, rows[3] * factor.w);
}

// Adds up the teams and stores two heads of the group, of which `head` is the first.
fn store_partials(thread: u32, a: vec4<f32>, b: vec4<f32>, head: u32, first: u32) {
  workgroupBarrier();
  work[thread] = a;
  work[THREADS + thread] = b;
  workgroupBarrier();
  for (var i = thread; i < min(2u, GROUP - head) * COLUMNS; i += THREADS) {
    let own = head + i / COLUMNS;
    var total = vec4<f32>();
    for (var team = 0u; team < TEAMS; team++) { total += work[i / COLUMNS * THREADS + team * COLUMNS + i % COLUMNS]; }
    partials[(first + own * params.splits) * COLUMNS + i % COLUMNS] = total / sums[own / 4u][own % 4u];
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let token = group.z;
  let first_head = group.x * GROUP;
  let first = (token * HEADS + first_head) * params.splits + group.y;
  let slots = token_slot[token] + 1u;
  let per_split = (slots + params.splits * RUN - 1u) / (params.splits * RUN) * RUN;
  let begin = group.y * per_split;
  let end = min(begin + per_split, slots);
  if (begin >= end) {
    if (thread < GROUP) { stats[first + thread * params.splits] = vec2<f32>(HIDDEN, 0.0); }
    return;
  }
  let first_block = token_sequence[token] * params.max_blocks;
  let kv_head = first_head / (HEADS / KV_HEADS);
  for (var i = thread; i < QUERIES; i += THREADS) {
    let head = first_head + min(i / COLUMNS, GROUP - 1u);
    queries[i] = roped[(token * ROW_HEADS + head) * COLUMNS + i % COLUMNS] * SCALE;
  }
  let half = thread % 2u;
  if (thread < 2u) { tops[half] = vec4<f32>(HIDDEN); }
  let team = thread / COLUMNS;
  var low = mat4x4<f32>();
  var high = mat4x4<f32>();
  var sum = vec4<f32>();
  for (var start = begin; start < end; start += TILE) {
    workgroupBarrier();
    score_parts(thread, place(first_block, kv_head, start + thread / 4u, end));
    workgroupBarrier();
    if (thread < 2u * TILE) {
      let score = work[thread] + work[thread + 2u * TILE] + work[thread + 4u * TILE] + work[thread + 6u * TILE];
      scores[thread] = select(vec4<f32>(HIDDEN), score, start + thread / 2u < end);
    }
    workgroupBarrier();
    if (thread < 2u) {
      var top = tops[half];
      for (var i = half; i < 2u * TILE; i += 2u) { top = max(top, scores[i]); }
      shrink[half] = exp(tops[half] - top);
      tops[half] = top;
    }
    workgroupBarrier();
    if (thread < 2u * TILE) {
      let weight = exp(scores[thread] - tops[half]);
      weights[thread] = weight;
      sum = sum * shrink[half] + weight;
    }
    workgroupBarrier();
    if (team < TEAMS) {
      low = scale_rows(low, shrink[0]);
      high = scale_rows(high, shrink[1]);
      for (var i = team; i < min(TILE, end - start); i += TEAMS) {
        let value = unpack_kv(v_pages[place(first_block, kv_head, start + i, end) + thread % COLUMNS]);
        low += spread(value, weights[2u * i]);
        if (GROUP > 4u) { high += spread(value, weights[2u * i + 1u]); }
      }
    }
  }
  workgroupBarrier();
  if (thread < 2u * TILE) { scores[thread] = sum; }
  workgroupBarrier();
  if (thread < 2u) {
    var total = vec4<f32>();
    for (var i = half; i < 2u * TILE; i += 2u) { total += scores[i]; }
    sums[half] = total;
  }
  store_partials(thread, low[0], low[1], 0u, first);
  if (GROUP > 2u) { store_partials(thread, low[2], low[3], 2u, first); }
  if (GROUP > 4u) { store_partials(thread, high[0], high[1], 4u, first); }
  if (GROUP > 6u) { store_partials(thread, high[2], high[3], 6u, first); }
  if (thread < GROUP) { stats[first + thread * params.splits] = vec2<f32>(tops[thread / 4u][thread % 4u], sums[thread / 4u][thread % 4u]); }
}
