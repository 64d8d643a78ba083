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
// Plan. Keys come in tiles of two per lane; a workgroup is ROWS / 8 bands of COLUMNS lanes. For the scores a thread has the 8 rows of
// its band and the keys `lane` and `lane + COLUMNS`: queries and keys are staged CHUNK columns at a time, so that 16 KiB are enough
// for every head size. Then the tile's row maxima are found, the scores become weights, and are laid down where the keys were.
// For the output a thread has the same 8 rows and the column `lane`, so that the lanes read a value's row side by side.
// Four rows go together in a vec4 (a quad) or, with a column each, in a mat4x4.

override ROWS: u32 = 32u;          // a multiple of 8
override CHUNK: u32 = 8u;          // columns staged at once
override STAGED: u32 = 816u;       // vec4s: the larger of staged keys and queries, and of the weights
override QUADS: u32 = ROWS / 4u;
override THREADS: u32 = QUADS / 2u * COLUMNS;
override TILE_KEYS: u32 = 2u * COLUMNS;
// Odd, so that lanes that read one column of neighbouring keys meet different banks.
override KEY_STRIDE: u32 = CHUNK | 1u;
override WEIGHT_STRIDE: u32 = QUADS | 1u;

// Below every score, but finite: WGSL need not have infinities.
const HIDDEN: f32 = -1e30;

var<workgroup> staged: array<vec4<f32>, STAGED>;
var<workgroup> row_max: array<vec4<f32>, QUADS>;
var<workgroup> row_scale: array<vec4<f32>, QUADS>;

// Scores, then weights, of 8 rows (low: rows 0…3 of the band) and two keys (a, b).
struct Scores { a_low: vec4<f32>, a_high: vec4<f32>, b_low: vec4<f32>, b_high: vec4<f32> }

fn stage(thread: u32, start: u32, keys: u32, first: u32, count: u32) {
  for (var i = thread; i < TILE_KEYS * CHUNK; i += THREADS) {
    let key = i / CHUNK;
    let column = i % CHUNK;
    if (column < count) { staged[key * KEY_STRIDE + column] = load_key(min(start + key, keys - 1u), first + column); }
  }
  for (var i = thread; i < ROWS * CHUNK; i += THREADS) {
    let column = i % CHUNK;
    if (column < count) { staged[TILE_KEYS * KEY_STRIDE + i] = load_query(i / CHUNK, first + column); }
  }
}

fn tile_scores(thread: u32, start: u32, keys: u32) -> Scores {
  let lane = thread % COLUMNS;
  let query = TILE_KEYS * KEY_STRIDE + thread / COLUMNS * 8u * CHUNK;
  var scores = Scores();
  for (var first = 0u; first < COLUMNS; first += CHUNK) {
    let count = min(CHUNK, COLUMNS - first);
    workgroupBarrier();
    stage(thread, start, keys, first, count);
    workgroupBarrier();
    for (var i = 0u; i < count; i++) {
      let a = staged[lane * KEY_STRIDE + i];
      let b = staged[(lane + COLUMNS) * KEY_STRIDE + i];
      let q = query + i;
      let low = mat4x4<f32>(staged[q], staged[q + CHUNK], staged[q + 2u * CHUNK], staged[q + 3u * CHUNK]);
      let r = q + 4u * CHUNK;
      let high = mat4x4<f32>(staged[r], staged[r + CHUNK], staged[r + 2u * CHUNK], staged[r + 3u * CHUNK]);
      scores.a_low += a * low;
      scores.b_low += b * low;
      scores.a_high += a * high;
      scores.b_high += b * high;
    }
  }
  return scores;
}

fn visible_quad(row: u32, keys: u32) -> vec4<u32> {
  return vec4<u32>(visible_keys(row, keys), visible_keys(row + 1u, keys), visible_keys(row + 2u, keys), visible_keys(row + 3u, keys));
}

fn hide(scores: vec4<f32>, key: u32, visible: vec4<u32>) -> vec4<f32> {
  return select(vec4<f32>(HIDDEN), scores, vec4<u32>(key) < visible);
}

// Takes the lanes' maxima, laid down by the threads, into row_max; row_scale is what earlier sums shrink by.
fn raise_maxima(thread: u32) {
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    let before = row_max[quad];
    var top = before;
    for (var lane = 0u; lane < COLUMNS; lane++) { top = max(top, staged[lane * WEIGHT_STRIDE + quad]); }
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
  for (var lane = 0u; lane < COLUMNS; lane++) { sum += staged[lane * WEIGHT_STRIDE + quad]; }
  return sum;
}

// Attends to the keys 0…keys-1 and stores all rows. keys must be at least 1 and the same for the whole workgroup.
fn attend(thread: u32, keys: u32) {
  let lane = thread % COLUMNS;
  let row = thread / COLUMNS * 8u;
  let quad = row / 4u;
  let visible_low = visible_quad(row, keys);
  let visible_high = visible_quad(row + 4u, keys);
  var low = mat4x4<f32>();
  var high = mat4x4<f32>();
  var sum_low = vec4<f32>();
  var sum_high = vec4<f32>();
  for (var i = thread; i < QUADS; i += THREADS) { row_max[i] = vec4<f32>(HIDDEN); }
  for (var start = 0u; start < keys; start += TILE_KEYS) {
    var s = tile_scores(thread, start, keys);
    s.a_low = hide(s.a_low, start + lane, visible_low);
    s.a_high = hide(s.a_high, start + lane, visible_high);
    s.b_low = hide(s.b_low, start + lane + COLUMNS, visible_low);
    s.b_high = hide(s.b_high, start + lane + COLUMNS, visible_high);
    workgroupBarrier();
    staged[lane * WEIGHT_STRIDE + quad] = max(s.a_low, s.b_low);
    staged[lane * WEIGHT_STRIDE + quad + 1u] = max(s.a_high, s.b_high);
    workgroupBarrier();
    raise_maxima(thread);
    workgroupBarrier();
    let weights = Scores(exp(s.a_low - row_max[quad]), exp(s.a_high - row_max[quad + 1u]), exp(s.b_low - row_max[quad]), exp(s.b_high - row_max[quad + 1u]));
    staged[lane * WEIGHT_STRIDE + quad] = weights.a_low;
    staged[lane * WEIGHT_STRIDE + quad + 1u] = weights.a_high;
    staged[(lane + COLUMNS) * WEIGHT_STRIDE + quad] = weights.b_low;
    staged[(lane + COLUMNS) * WEIGHT_STRIDE + quad + 1u] = weights.b_high;
    sum_low = sum_low * row_scale[quad] + weights.a_low + weights.b_low;
    sum_high = sum_high * row_scale[quad + 1u] + weights.a_high + weights.b_high;
    low = scale_rows(low, row_scale[quad]);
    high = scale_rows(high, row_scale[quad + 1u]);
    workgroupBarrier();
    // Ends at the last key: what lies beyond may hold NaN, which a weight of zero would not undo.
    for (var key = 0u; key < min(TILE_KEYS, keys - start); key++) {
      let value = load_value(start + key, lane);
      low += spread(value, staged[key * WEIGHT_STRIDE + quad]);
      high += spread(value, staged[key * WEIGHT_STRIDE + quad + 1u]);
    }
  }
  workgroupBarrier();
  staged[lane * WEIGHT_STRIDE + quad] = sum_low;
  staged[lane * WEIGHT_STRIDE + quad + 1u] = sum_high;
  workgroupBarrier();
  low = scale_rows(low, 1.0 / sum_lanes(quad));
  high = scale_rows(high, 1.0 / sum_lanes(quad + 1u));
  for (var i = 0u; i < 4u; i++) {
    store_output(row + i, lane, low[i]);
    store_output(row + 4u + i, lane, high[i]);
  }
}
