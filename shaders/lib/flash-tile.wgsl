// Attention of ROWS query rows at once, with an online softmax (Dao et al., FlashAttention):
//   out[row] = Σ_key softmax_key(query[row] · key) value[key]
// The shader after this one says what the rows and keys are. A column is a group of four dims:
//   fn load_query(row: u32, column: u32) -> vec4<f32>    scaled; zeros for a row that is not used
//   fn load_key(key: u32, column: u32) -> vec4<f32>
//   fn load_value(key: u32, column: u32) -> vec4<f32>
//   fn visible_keys(row: u32, keys: u32) -> u32          the row sees the keys below this; 1…keys
//   fn store_output(row: u32, column: u32, value: vec4<f32>)
//   override COLUMNS: u32                                columns of a head
//
// Plan. A workgroup is ROWS / 8 bands of LANES threads, and keys come in tiles of four per lane. For the scores a thread has the 8 rows
// of its band and the keys lane, lane + LANES …; keys, and queries where they do not fit whole, are staged CHUNK columns at a time, so
// that 16 KiB are enough for every head size. Then the tile's row maxima are found, the scores become weights, and are laid down where
// the keys were. For the output a thread has the same 8 rows and the columns lane and lane + LANES, so that the lanes read a value's
// row side by side. Four rows go together in a vec4 (a quad) or, with a column each, in a mat4x4; low and high are a band's two quads.

override ROWS: u32 = 32u;          // a multiple of 8
override CHUNK: u32 = 8u;          // columns of keys staged at once
override QUERY_STRIDE: u32 = 16u;  // COLUMNS: queries are staged once for all; CHUNK: again with every chunk of keys
override QUERIES: u32 = 288u;      // place of the queries: beyond staged keys and beyond the weights
override STAGED: u32 = 800u;       // QUERIES + ROWS · QUERY_STRIDE
override QUADS: u32 = ROWS / 4u;
override LANES: u32 = (COLUMNS + 1u) / 2u;
override THREADS: u32 = QUADS / 2u * LANES;
override TILE_KEYS: u32 = 4u * LANES;
// Odd, so that lanes that read one column of neighbouring keys meet different banks.
override KEY_STRIDE: u32 = CHUNK | 1u;
override WEIGHT_STRIDE: u32 = QUADS | 1u;

// Below every score, but finite: WGSL need not have infinities.
const HIDDEN: f32 = -1e30;

var<workgroup> staged: array<vec4<f32>, STAGED>;
var<workgroup> row_max: array<vec4<f32>, QUADS>;
var<workgroup> row_scale: array<vec4<f32>, QUADS>;

// Scores, then weights, of a thread's keys (columns) for four of its rows (in each vec4).
struct Scores { low: mat4x4<f32>, high: mat4x4<f32> }

fn stage_queries(thread: u32, first: u32, count: u32) {
  for (var i = thread; i < ROWS * QUERY_STRIDE; i += THREADS) {
    let column = i % QUERY_STRIDE;
    if (column < count) { staged[QUERIES + i] = load_query(i / QUERY_STRIDE, first + column); }
  }
}

fn stage_keys(thread: u32, start: u32, keys: u32, first: u32, count: u32) {
  for (var i = thread; i < TILE_KEYS * CHUNK; i += THREADS) {
    let key = i / CHUNK;
    let column = i % CHUNK;
    if (column < count) { staged[key * KEY_STRIDE + column] = load_key(min(start + key, keys - 1u), first + column); }
  }
}

fn query_quad(at: u32) -> mat4x4<f32> {
  return mat4x4<f32>(staged[at], staged[at + QUERY_STRIDE], staged[at + 2u * QUERY_STRIDE], staged[at + 3u * QUERY_STRIDE]);
}

fn tile_scores(thread: u32, start: u32, keys: u32) -> Scores {
  let lane = thread % LANES;
  let band = QUERIES + thread / LANES * 8u * QUERY_STRIDE;
  var low = mat4x4<f32>();
  var high = mat4x4<f32>();
  for (var first = 0u; first < COLUMNS; first += CHUNK) {
    let count = min(CHUNK, COLUMNS - first);
    workgroupBarrier();
    stage_keys(thread, start, keys, first, count);
    if (QUERY_STRIDE < COLUMNS) { stage_queries(thread, first, count); }
    workgroupBarrier();
    for (var i = 0u; i < count; i++) {
      let k = lane * KEY_STRIDE + i;
      let key = mat4x4<f32>(staged[k], staged[k + LANES * KEY_STRIDE], staged[k + 2u * LANES * KEY_STRIDE], staged[k + 3u * LANES * KEY_STRIDE]);
      let q = band + first % QUERY_STRIDE + i;
      low += transpose(query_quad(q)) * key;
      high += transpose(query_quad(q + 4u * QUERY_STRIDE)) * key;
    }
  }
  return Scores(low, high);
}

fn visible_quad(row: u32, keys: u32) -> vec4<u32> {
  return vec4<u32>(visible_keys(row, keys), visible_keys(row + 1u, keys), visible_keys(row + 2u, keys), visible_keys(row + 3u, keys));
}

// Hides the keys first, first + LANES … from the rows that do not see them.
fn hide(scores: mat4x4<f32>, first: u32, visible: vec4<u32>) -> mat4x4<f32> {
  let hidden = vec4<f32>(HIDDEN);
  return mat4x4<f32>(
    select(hidden, scores[0], vec4<u32>(first) < visible),
    select(hidden, scores[1], vec4<u32>(first + LANES) < visible),
    select(hidden, scores[2], vec4<u32>(first + 2u * LANES) < visible),
    select(hidden, scores[3], vec4<u32>(first + 3u * LANES) < visible));
}

// Lays the weights of a thread's keys down for one quad, and gives their sums.
fn lay_weights(scores: mat4x4<f32>, lane: u32, quad: u32) -> vec4<f32> {
  let top = row_max[quad];
  let weights = mat4x4<f32>(exp(scores[0] - top), exp(scores[1] - top), exp(scores[2] - top), exp(scores[3] - top));
  let at = lane * WEIGHT_STRIDE + quad;
  staged[at] = weights[0];
  staged[at + LANES * WEIGHT_STRIDE] = weights[1];
  staged[at + 2u * LANES * WEIGHT_STRIDE] = weights[2];
  staged[at + 3u * LANES * WEIGHT_STRIDE] = weights[3];
  return weights[0] + weights[1] + weights[2] + weights[3];
}

// Takes the lanes' maxima, laid down by the threads, into row_max; row_scale is what earlier sums shrink by.
fn raise_maxima(thread: u32) {
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    let before = row_max[quad];
    var top = before;
    for (var lane = 0u; lane < LANES; lane++) { top = max(top, staged[lane * WEIGHT_STRIDE + quad]); }
    row_max[quad] = top;
    row_scale[quad] = exp(before - top);
  }
}

// Four rows of one column, each scaled by its own factor.
fn scale_rows(rows: mat4x4<f32>, factor: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(rows[0] * factor.x, rows[1] * factor.y, rows[2] * factor.z, rows[3] * factor.w);
}

fn spread(value: vec4<f32>, weight: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(value * weight.x, value * weight.y, value * weight.z, value * weight.w);
}

fn sum_lanes(quad: u32) -> vec4<f32> {
  var sum = vec4<f32>();
  for (var lane = 0u; lane < LANES; lane++) { sum += staged[lane * WEIGHT_STRIDE + quad]; }
  return sum;
}

// Attends to the keys 0…keys-1 and stores all rows. keys must be at least 1 and the same for the whole workgroup.
fn attend(thread: u32, keys: u32) {
  let lane = thread % LANES;
  let row = thread / LANES * 8u;
  let quad = row / 4u;
  // With an odd number of columns the last lane has its column twice, and stores it once.
  let column = min(lane + LANES, COLUMNS - 1u);
  let visible_low = visible_quad(row, keys);
  let visible_high = visible_quad(row + 4u, keys);
  var a_low = mat4x4<f32>();
  var a_high = mat4x4<f32>();
  var b_low = mat4x4<f32>();
  var b_high = mat4x4<f32>();
  var sum_low = vec4<f32>();
  var sum_high = vec4<f32>();
  for (var i = thread; i < QUADS; i += THREADS) { row_max[i] = vec4<f32>(HIDDEN); }
  if (QUERY_STRIDE == COLUMNS) { stage_queries(thread, 0u, COLUMNS); }
  for (var start = 0u; start < keys; start += TILE_KEYS) {
    let scores = tile_scores(thread, start, keys);
    let low = hide(scores.low, start + lane, visible_low);
    let high = hide(scores.high, start + lane, visible_high);
    workgroupBarrier();
    staged[lane * WEIGHT_STRIDE + quad] = max(max(low[0], low[1]), max(low[2], low[3]));
    staged[lane * WEIGHT_STRIDE + quad + 1u] = max(max(high[0], high[1]), max(high[2], high[3]));
    workgroupBarrier();
    raise_maxima(thread);
    workgroupBarrier();
    let scale_low = row_scale[quad];
    let scale_high = row_scale[quad + 1u];
    sum_low = sum_low * scale_low + lay_weights(low, lane, quad);
    sum_high = sum_high * scale_high + lay_weights(high, lane, quad + 1u);
    a_low = scale_rows(a_low, scale_low);
    a_high = scale_rows(a_high, scale_high);
    b_low = scale_rows(b_low, scale_low);
    b_high = scale_rows(b_high, scale_high);
    workgroupBarrier();
    // Ends at the last key: what lies beyond may hold NaN, which a weight of zero would not undo.
    for (var key = 0u; key < min(TILE_KEYS, keys - start); key++) {
      let a = load_value(start + key, lane);
      let b = load_value(start + key, column);
      let weight_low = staged[key * WEIGHT_STRIDE + quad];
      let weight_high = staged[key * WEIGHT_STRIDE + quad + 1u];
      a_low += spread(a, weight_low);
      a_high += spread(a, weight_high);
      b_low += spread(b, weight_low);
      b_high += spread(b, weight_high);
    }
  }
  workgroupBarrier();
  staged[lane * WEIGHT_STRIDE + quad] = sum_low;
  staged[lane * WEIGHT_STRIDE + quad + 1u] = sum_high;
  workgroupBarrier();
  let share_low = 1.0 / sum_lanes(quad);
  let share_high = 1.0 / sum_lanes(quad + 1u);
  store_quad(row, lane, scale_rows(a_low, share_low));
  store_quad(row + 4u, lane, scale_rows(a_high, share_high));
  if (lane + LANES < COLUMNS) {
    store_quad(row, lane + LANES, scale_rows(b_low, share_low));
    store_quad(row + 4u, lane + LANES, scale_rows(b_high, share_high));
  }
}

fn store_quad(row: u32, column: u32, rows: mat4x4<f32>) {
  store_output(row, column, rows[0]);
  store_output(row + 1u, column, rows[1]);
  store_output(row + 2u, column, rows[2]);
  store_output(row + 3u, column, rows[3]);
}
