// What lib/flash-matrix is made of: its memory, staging, the softmax of a tile, and fragments on their way through memory.

const THREADS = 32u * SUBGROUPS;
const ROWS = 16u * SUBGROUPS;
// Places of staged rows, in units; scores, in fours; weights, in eights. Odd ones keep neighbouring rows on different banks.
const STRIDE = 2u * FRAGMENTS + 1u;
const SCORE_STRIDE = KEYS / 4u + 1u;
const WEIGHT_STRIDE = KEYS / 8u + 1u;
const COPIES = (KEYS * 2u * FRAGMENTS + THREADS - 1u) / THREADS;
const MARGIN = 8.0;
const HIDDEN: f32 = -1e30;

var<workgroup> staged: array<vec4<u32>, max(KEYS, 16u) * STRIDE>;
var<workgroup> scores: array<vec4<f32>, ROWS * SCORE_STRIDE>;
var<workgroup> weights: array<vec4<u32>, ROWS * WEIGHT_STRIDE>;
var<workgroup> grown: atomic<u32>;

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Result = subgroup_matrix_result<f32, 16, 16>;
alias Tile = array<vec4<u32>, COPIES>;

fn copied_key(thread: u32, i: u32) -> u32 {
  return (thread + i * THREADS) / (2u * FRAGMENTS);
}

fn copied_unit(thread: u32, i: u32) -> u32 {
  return (thread + i * THREADS) % (2u * FRAGMENTS);
}

fn fetch_keys(thread: u32, start: u32, keys: u32) -> Tile {
  var tile: Tile;
  for (var i = 0u; i < COPIES; i++) {
    let unit = copied_unit(thread, i);
    if (unit < UNITS) { tile[i] = load_key(min(start + copied_key(thread, i), keys - 1u), unit); }
  }
  return tile;
}

// Values past the end are zeros: what lies there may be NaN, which a weight of zero would not undo.
fn fetch_values(thread: u32, start: u32, keys: u32) -> Tile {
  var tile: Tile;
  for (var i = 0u; i < COPIES; i++) {
    let unit = copied_unit(thread, i);
    let key = start + copied_key(thread, i);
    if (unit < UNITS && key < keys) { tile[i] = load_value(key, unit); }
  }
  return tile;
}

fn stage(thread: u32, tile: Tile) {
  for (var i = 0u; i < COPIES; i++) {
    if (copied_key(thread, i) < KEYS) { staged[copied_key(thread, i) * STRIDE + copied_unit(thread, i)] = tile[i]; }
  }
}

// Of a row, what its two lanes know.
struct Row { reference: f32, sum: f32, factor: f32 }

// Turns a tile's scores of the thread's half row into weights.
fn weigh(thread: u32, start: u32, visible: u32, before: Row) -> Row {
  let at = thread / 2u * SCORE_STRIDE + thread % 2u * (KEYS / 8u);
  let first = start + thread % 2u * (KEYS / 2u);
  var mine: array<vec4<f32>, KEYS / 8u>;
  var top = HIDDEN;
  for (var i = 0u; i < KEYS / 8u; i++) {
    let key = vec4(first + 4u * i) + vec4(0u, 1u, 2u, 3u);
    mine[i] = select(vec4(HIDDEN), scores[at + i], key < vec4(visible));
    top = max(top, max(max(mine[i].x, mine[i].y), max(mine[i].z, mine[i].w)));
  }
  top = max(top, subgroupShuffleXor(top, 1u));
  var row = Row(before.reference, before.sum, 1.0);
  if (top > before.reference + MARGIN) {
    row.reference = top;
    row.factor = exp2(max(before.reference - top, -200.0));
    if (start > 0u) { atomicStore(&grown, 1u); }
  }
  var sum = 0.0;
  let to = thread / 2u * WEIGHT_STRIDE + thread % 2u * (KEYS / 16u);
  for (var i = 0u; i < KEYS / 16u; i++) {
    let low = exp2(mine[2u * i] - row.reference);
    let high = exp2(mine[2u * i + 1u] - row.reference);
    sum += dot(low + high, vec4(1.0));
    weights[to + i] = vec4(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
  }
  row.sum = before.sum * row.factor + sum;
  return row;
}

// A fragment of the thread's subgroup on its way through workgroup memory; each lane has half of a row.
fn fragment_place(thread: u32) -> u32 {
  return thread / 2u * SCORE_STRIDE + thread % 2u * 2u;
}

// Sixteen dims of sixteen staged keys, a column per key.
fn key(at: u32) -> Right {
  return subgroupMatrixLoad<Right, col_major>(&staged, at, STRIDE);
}

// Sixteen dims of sixteen staged values, a row per key.
fn value(at: u32) -> Right {
  return subgroupMatrixLoad<Right, row_major>(&staged, at, STRIDE);
}

// A fragment of the thread's subgroup with each row times its own factor.
fn shrink(sums: Result, thread: u32, factor: f32) -> Result {
  let at = thread / 32u * 16u * SCORE_STRIDE;
  subgroupMatrixStore<row_major>(&scores, at, sums, SCORE_STRIDE);
  workgroupBarrier();
  scores[fragment_place(thread)] *= factor;
  scores[fragment_place(thread) + 1u] *= factor;
  workgroupBarrier();
  let shrunk = subgroupMatrixLoad<Result, row_major>(&scores, at, SCORE_STRIDE);
  workgroupBarrier();
  return shrunk;
}

// Stores 16 dims of the thread's subgroup.
fn finish(sums: Result, thread: u32, fragment: u32, share: f32) {
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&scores, thread / 32u * 16u * SCORE_STRIDE, sums, SCORE_STRIDE);
  workgroupBarrier();
  let at = fragment_place(thread);
  let unit = 2u * fragment + thread % 2u;
  if (unit < UNITS) { store_output(thread / 2u, unit, scores[at] * share, scores[at + 1u] * share); }
}
