// Attention with subgroup matrices and an online softmax (Dao et al., FlashAttention): out[row] = Σ_key softmax_key(query · key) value.
// The shader after this one says what the rows and keys are. A unit is eight dims as f16 pairs:
//   fn load_query(row: u32, unit: u32) -> vec4<u32>    times log2(e) / √(dims of a head); zeros for a row that is not used
//   fn load_key(key: u32, unit: u32) -> vec4<u32>
//   fn load_value(key: u32, unit: u32) -> vec4<u32>
//   fn visible_keys(row: u32, keys: u32) -> u32        the row sees the keys below this; 1…keys
//   fn store_output(row: u32, unit: u32, low: vec4<f32>, high: vec4<f32>)
// The piece before says: UNITS of a head, FRAGMENTS (of 16 dims), KEYS of a tile, SUBGROUPS of a workgroup.
//
// Plan. A subgroup has 16 rows, whose queries stay in its registers; keys, then values of a tile lie in workgroup memory for all
// subgroups. Scores go through workgroup memory, where two lanes share a row: they turn them into weights, less the row's reference, the
// largest score so far. The sums are only shrunk to a new reference when that is larger by more than MARGIN: weights up to 2^MARGIN do
// no harm in f16, and what lies in fragments cannot be scaled row by row without going through memory. Fragments have names of their own,
// since arrays of them end up in memory, not in registers.

// Attends to the keys 0…keys-1 and stores all rows. keys must be at least 1 and the same for the whole workgroup.
fn attend(thread: u32, keys: u32) {
  let subgroup = thread / 32u;
  let my_scores = subgroup * 16u * SCORE_STRIDE;
  let visible = visible_keys(thread / 2u, keys);
  var q0 = Left();
  var q1 = Left();
  var q2 = Left();
  var q3 = Left();
  var q4 = Left();
  var q5 = Left();
  var q6 = Left();
  var q7 = Left();
  var s0 = Result();
  var s1 = Result();
  var s2 = Result();
  var s3 = Result();
  var s4 = Result();
  var s5 = Result();
  var s6 = Result();
  var s7 = Result();
  for (var turn = 0u; turn < SUBGROUPS; turn++) {
    workgroupBarrier();
    for (var i = thread; i < 16u * 2u * FRAGMENTS; i += THREADS) {
      let unit = i % (2u * FRAGMENTS);
      var value = vec4<u32>();
      if (unit < UNITS) { value = load_query(turn * 16u + i / (2u * FRAGMENTS), unit); }
      staged[i / (2u * FRAGMENTS) * STRIDE + unit] = value;
    }
    workgroupBarrier();
    if (turn == subgroup) {
      q0 = subgroupMatrixLoad<Left, row_major>(&staged, 0u, STRIDE);
      if (FRAGMENTS > 1u) { q1 = subgroupMatrixLoad<Left, row_major>(&staged, 2u * 1u, STRIDE); }
      if (FRAGMENTS > 2u) { q2 = subgroupMatrixLoad<Left, row_major>(&staged, 2u * 2u, STRIDE); }
      if (FRAGMENTS > 3u) { q3 = subgroupMatrixLoad<Left, row_major>(&staged, 2u * 3u, STRIDE); }
      if (FRAGMENTS > 4u) { q4 = subgroupMatrixLoad<Left, row_major>(&staged, 2u * 4u, STRIDE); }
      if (FRAGMENTS > 5u) { q5 = subgroupMatrixLoad<Left, row_major>(&staged, 2u * 5u, STRIDE); }
      if (FRAGMENTS > 6u) { q6 = subgroupMatrixLoad<Left, row_major>(&staged, 2u * 6u, STRIDE); }
      if (FRAGMENTS > 7u) { q7 = subgroupMatrixLoad<Left, row_major>(&staged, 2u * 7u, STRIDE); }
    }
  }
  var row = Row(HIDDEN, 0.0, 1.0);
  var tile = fetch_keys(thread, 0u, keys);
  for (var start = 0u; start < keys; start += KEYS) {
    workgroupBarrier();
    stage(thread, tile);
    if (thread == 0u) { atomicStore(&grown, 0u); }
    workgroupBarrier();
    tile = fetch_values(thread, start, keys);
    for (var n = 0u; n < KEYS / 16u; n++) {
      let at = n * 16u * STRIDE;
      var score = Result();
      score = subgroupMatrixMultiplyAccumulate(q0, key(at + 2u * 0u), score);
      if (FRAGMENTS > 1u) { score = subgroupMatrixMultiplyAccumulate(q1, key(at + 2u * 1u), score); }
      if (FRAGMENTS > 2u) { score = subgroupMatrixMultiplyAccumulate(q2, key(at + 2u * 2u), score); }
      if (FRAGMENTS > 3u) { score = subgroupMatrixMultiplyAccumulate(q3, key(at + 2u * 3u), score); }
      if (FRAGMENTS > 4u) { score = subgroupMatrixMultiplyAccumulate(q4, key(at + 2u * 4u), score); }
      if (FRAGMENTS > 5u) { score = subgroupMatrixMultiplyAccumulate(q5, key(at + 2u * 5u), score); }
      if (FRAGMENTS > 6u) { score = subgroupMatrixMultiplyAccumulate(q6, key(at + 2u * 6u), score); }
      if (FRAGMENTS > 7u) { score = subgroupMatrixMultiplyAccumulate(q7, key(at + 2u * 7u), score); }
      subgroupMatrixStore<row_major>(&scores, my_scores + 4u * n, score, SCORE_STRIDE);
    }
    workgroupBarrier();
    stage(thread, tile);
    row = weigh(thread, start, visible, row);
    if (workgroupUniformLoad(&grown) != 0u) {
      s0 = shrink(s0, thread, row.factor);
      if (FRAGMENTS > 1u) { s1 = shrink(s1, thread, row.factor); }
      if (FRAGMENTS > 2u) { s2 = shrink(s2, thread, row.factor); }
      if (FRAGMENTS > 3u) { s3 = shrink(s3, thread, row.factor); }
      if (FRAGMENTS > 4u) { s4 = shrink(s4, thread, row.factor); }
      if (FRAGMENTS > 5u) { s5 = shrink(s5, thread, row.factor); }
      if (FRAGMENTS > 6u) { s6 = shrink(s6, thread, row.factor); }
      if (FRAGMENTS > 7u) { s7 = shrink(s7, thread, row.factor); }
    }
    tile = fetch_keys(thread, start + KEYS, keys);
    for (var k = 0u; k < KEYS / 16u; k++) {
      let weight = subgroupMatrixLoad<Left, row_major>(&weights, subgroup * 16u * WEIGHT_STRIDE + 2u * k, WEIGHT_STRIDE);
      let at = k * 16u * STRIDE;
      s0 = subgroupMatrixMultiplyAccumulate(weight, value(at + 2u * 0u), s0);
      if (FRAGMENTS > 1u) { s1 = subgroupMatrixMultiplyAccumulate(weight, value(at + 2u * 1u), s1); }
      if (FRAGMENTS > 2u) { s2 = subgroupMatrixMultiplyAccumulate(weight, value(at + 2u * 2u), s2); }
      if (FRAGMENTS > 3u) { s3 = subgroupMatrixMultiplyAccumulate(weight, value(at + 2u * 3u), s3); }
      if (FRAGMENTS > 4u) { s4 = subgroupMatrixMultiplyAccumulate(weight, value(at + 2u * 4u), s4); }
      if (FRAGMENTS > 5u) { s5 = subgroupMatrixMultiplyAccumulate(weight, value(at + 2u * 5u), s5); }
      if (FRAGMENTS > 6u) { s6 = subgroupMatrixMultiplyAccumulate(weight, value(at + 2u * 6u), s6); }
      if (FRAGMENTS > 7u) { s7 = subgroupMatrixMultiplyAccumulate(weight, value(at + 2u * 7u), s7); }
    }
  }
  let share = 1.0 / (row.sum + subgroupShuffleXor(row.sum, 1u));
  finish(s0, thread, 0u, share);
  if (FRAGMENTS > 1u) { finish(s1, thread, 1u, share); }
  if (FRAGMENTS > 2u) { finish(s2, thread, 2u, share); }
  if (FRAGMENTS > 3u) { finish(s3, thread, 3u, share); }
  if (FRAGMENTS > 4u) { finish(s4, thread, 4u, share); }
  if (FRAGMENTS > 5u) { finish(s5, thread, 5u, share); }
  if (FRAGMENTS > 6u) { finish(s6, thread, 6u, share); }
  if (FRAGMENTS > 7u) { finish(s7, thread, 7u, share); }
}
