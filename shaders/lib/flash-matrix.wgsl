// Attention with subgroup matrices and an online softmax (Dao et al., FlashAttention): out[row] = Σ_key softmax_key(query · key) value.
// The shader after this one says what the rows and keys are. A unit is eight dims as f16 pairs:
//   fn load_query(row: u32, unit: u32) -> vec4<u32>    times log2(e) / √(dims of a head); zeros for a row that is not used
//   fn load_key(key: u32, unit: u32) -> vec4<u32>
//   fn load_value(key: u32, unit: u32) -> vec4<u32>
//   fn visible_keys(row: u32, keys: u32) -> u32        the row sees the keys below this; 1…keys
//   fn store_output(row: u32, unit: u32, low: vec4<f32>, high: vec4<f32>)
// The piece before says: UNITS of a head, FRAGMENTS (of 16 dims), KEYS of a tile, SUBGROUPS of a workgroup, TALL.
//
// Plan. A subgroup has 16 rows, or 32 if TALL, whose queries stay in its registers; keys, then values of a tile lie in workgroup memory for
// all subgroups. TALL ones use each fragment of keys and values twice. Scores go through workgroup memory, where a row's lanes turn them
// into weights, less the row's reference, the largest score so far. The sums are only shrunk to a new reference when that is larger by more
// than MARGIN: weights up to 2^MARGIN do no harm in f16, and what lies in fragments cannot be scaled row by row without going through memory.
// Fragments have names of their own, since arrays of them end up in memory, not in registers: q and s are those of the queries and sums of
// the first 16 rows, p and t of the others.

// Attends to the keys 0…keys-1 and stores all rows. keys must be at least 1 and the same for the whole workgroup.
fn attend(thread: u32, keys: u32) {
  let subgroup = thread / 32u;
  let my_scores = subgroup * MINE * SCORE_STRIDE;
  let visible = visible_keys(thread / LANES, keys);
  var q0 = Left(); var q1 = Left(); var q2 = Left(); var q3 = Left();
  var q4 = Left(); var q5 = Left(); var q6 = Left(); var q7 = Left();
  var p0 = Left(); var p1 = Left(); var p2 = Left(); var p3 = Left();
  var p4 = Left(); var p5 = Left(); var p6 = Left(); var p7 = Left();
  var s0 = Result(); var s1 = Result(); var s2 = Result(); var s3 = Result();
  var s4 = Result(); var s5 = Result(); var s6 = Result(); var s7 = Result();
  var t0 = Result(); var t1 = Result(); var t2 = Result(); var t3 = Result();
  var t4 = Result(); var t5 = Result(); var t6 = Result(); var t7 = Result();
  for (var turn = 0u; turn < ROWS / 16u; turn++) {
    workgroupBarrier();
    for (var i = thread; i < 16u * 2u * FRAGMENTS; i += THREADS) {
      let unit = i % (2u * FRAGMENTS);
      var value = vec4<u32>();
      if (unit < UNITS) { value = load_query(turn * 16u + i / (2u * FRAGMENTS), unit); }
      staged[i / (2u * FRAGMENTS) * STRIDE + unit] = value;
    }
    workgroupBarrier();
    if (turn == subgroup * MINE / 16u) {
      q0 = query(0u);
      if (FRAGMENTS > 1u) { q1 = query(2u); }
      if (FRAGMENTS > 2u) { q2 = query(4u); }
      if (FRAGMENTS > 3u) { q3 = query(6u); }
      if (FRAGMENTS > 4u) { q4 = query(8u); }
      if (FRAGMENTS > 5u) { q5 = query(10u); }
      if (FRAGMENTS > 6u) { q6 = query(12u); }
      if (FRAGMENTS > 7u) { q7 = query(14u); }
    }
    if (TALL && turn == subgroup * 2u + 1u) {
      p0 = query(0u);
      if (FRAGMENTS > 1u) { p1 = query(2u); }
      if (FRAGMENTS > 2u) { p2 = query(4u); }
      if (FRAGMENTS > 3u) { p3 = query(6u); }
      if (FRAGMENTS > 4u) { p4 = query(8u); }
      if (FRAGMENTS > 5u) { p5 = query(10u); }
      if (FRAGMENTS > 6u) { p6 = query(12u); }
      if (FRAGMENTS > 7u) { p7 = query(14u); }
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
      var a = Result();
      var b = Result();
      if (FRAGMENTS > 0u) { let k = key(at + 0u); a = subgroupMatrixMultiplyAccumulate(q0, k, a); if (TALL) { b = subgroupMatrixMultiplyAccumulate(p0, k, b); } }
      if (FRAGMENTS > 1u) { let k = key(at + 2u); a = subgroupMatrixMultiplyAccumulate(q1, k, a); if (TALL) { b = subgroupMatrixMultiplyAccumulate(p1, k, b); } }
      if (FRAGMENTS > 2u) { let k = key(at + 4u); a = subgroupMatrixMultiplyAccumulate(q2, k, a); if (TALL) { b = subgroupMatrixMultiplyAccumulate(p2, k, b); } }
      if (FRAGMENTS > 3u) { let k = key(at + 6u); a = subgroupMatrixMultiplyAccumulate(q3, k, a); if (TALL) { b = subgroupMatrixMultiplyAccumulate(p3, k, b); } }
      if (FRAGMENTS > 4u) { let k = key(at + 8u); a = subgroupMatrixMultiplyAccumulate(q4, k, a); if (TALL) { b = subgroupMatrixMultiplyAccumulate(p4, k, b); } }
      if (FRAGMENTS > 5u) { let k = key(at + 10u); a = subgroupMatrixMultiplyAccumulate(q5, k, a); if (TALL) { b = subgroupMatrixMultiplyAccumulate(p5, k, b); } }
      if (FRAGMENTS > 6u) { let k = key(at + 12u); a = subgroupMatrixMultiplyAccumulate(q6, k, a); if (TALL) { b = subgroupMatrixMultiplyAccumulate(p6, k, b); } }
      if (FRAGMENTS > 7u) { let k = key(at + 14u); a = subgroupMatrixMultiplyAccumulate(q7, k, a); if (TALL) { b = subgroupMatrixMultiplyAccumulate(p7, k, b); } }
      subgroupMatrixStore<row_major>(&scores, my_scores + 4u * n, a, SCORE_STRIDE);
      if (TALL) { subgroupMatrixStore<row_major>(&scores, my_scores + 16u * SCORE_STRIDE + 4u * n, b, SCORE_STRIDE); }
    }
    workgroupBarrier();
    stage(thread, tile);
    row = weigh(thread, start, visible, row);
    if (workgroupUniformLoad(&grown) != 0u) {
      let first = of_fragment(row.factor, thread, 0u);
      if (FRAGMENTS > 0u) { s0 = shrink(s0, thread, first); }
      if (FRAGMENTS > 1u) { s1 = shrink(s1, thread, first); }
      if (FRAGMENTS > 2u) { s2 = shrink(s2, thread, first); }
      if (FRAGMENTS > 3u) { s3 = shrink(s3, thread, first); }
      if (FRAGMENTS > 4u) { s4 = shrink(s4, thread, first); }
      if (FRAGMENTS > 5u) { s5 = shrink(s5, thread, first); }
      if (FRAGMENTS > 6u) { s6 = shrink(s6, thread, first); }
      if (FRAGMENTS > 7u) { s7 = shrink(s7, thread, first); }
      if (TALL) {
        let second = of_fragment(row.factor, thread, 16u);
        if (FRAGMENTS > 0u) { t0 = shrink(t0, thread, second); }
        if (FRAGMENTS > 1u) { t1 = shrink(t1, thread, second); }
        if (FRAGMENTS > 2u) { t2 = shrink(t2, thread, second); }
        if (FRAGMENTS > 3u) { t3 = shrink(t3, thread, second); }
        if (FRAGMENTS > 4u) { t4 = shrink(t4, thread, second); }
        if (FRAGMENTS > 5u) { t5 = shrink(t5, thread, second); }
        if (FRAGMENTS > 6u) { t6 = shrink(t6, thread, second); }
        if (FRAGMENTS > 7u) { t7 = shrink(t7, thread, second); }
      }
    }
    tile = fetch_keys(thread, start + KEYS, keys);
    for (var k = 0u; k < KEYS / 16u; k++) {
      let w = weight(subgroup * MINE * WEIGHT_STRIDE + 2u * k);
      var y = Left();
      if (TALL) { y = weight((subgroup * MINE + 16u) * WEIGHT_STRIDE + 2u * k); }
      let at = k * 16u * STRIDE;
      if (FRAGMENTS > 0u) { let v = value(at + 0u); s0 = subgroupMatrixMultiplyAccumulate(w, v, s0); if (TALL) { t0 = subgroupMatrixMultiplyAccumulate(y, v, t0); } }
      if (FRAGMENTS > 1u) { let v = value(at + 2u); s1 = subgroupMatrixMultiplyAccumulate(w, v, s1); if (TALL) { t1 = subgroupMatrixMultiplyAccumulate(y, v, t1); } }
      if (FRAGMENTS > 2u) { let v = value(at + 4u); s2 = subgroupMatrixMultiplyAccumulate(w, v, s2); if (TALL) { t2 = subgroupMatrixMultiplyAccumulate(y, v, t2); } }
      if (FRAGMENTS > 3u) { let v = value(at + 6u); s3 = subgroupMatrixMultiplyAccumulate(w, v, s3); if (TALL) { t3 = subgroupMatrixMultiplyAccumulate(y, v, t3); } }
      if (FRAGMENTS > 4u) { let v = value(at + 8u); s4 = subgroupMatrixMultiplyAccumulate(w, v, s4); if (TALL) { t4 = subgroupMatrixMultiplyAccumulate(y, v, t4); } }
      if (FRAGMENTS > 5u) { let v = value(at + 10u); s5 = subgroupMatrixMultiplyAccumulate(w, v, s5); if (TALL) { t5 = subgroupMatrixMultiplyAccumulate(y, v, t5); } }
      if (FRAGMENTS > 6u) { let v = value(at + 12u); s6 = subgroupMatrixMultiplyAccumulate(w, v, s6); if (TALL) { t6 = subgroupMatrixMultiplyAccumulate(y, v, t6); } }
      if (FRAGMENTS > 7u) { let v = value(at + 14u); s7 = subgroupMatrixMultiplyAccumulate(w, v, s7); if (TALL) { t7 = subgroupMatrixMultiplyAccumulate(y, v, t7); } }
    }
  }
  let share = 1.0 / row_sum(row.sum);
  let first = of_fragment(share, thread, 0u);
  if (FRAGMENTS > 0u) { finish(s0, thread, 0u, 0u, first); }
  if (FRAGMENTS > 1u) { finish(s1, thread, 1u, 0u, first); }
  if (FRAGMENTS > 2u) { finish(s2, thread, 2u, 0u, first); }
  if (FRAGMENTS > 3u) { finish(s3, thread, 3u, 0u, first); }
  if (FRAGMENTS > 4u) { finish(s4, thread, 4u, 0u, first); }
  if (FRAGMENTS > 5u) { finish(s5, thread, 5u, 0u, first); }
  if (FRAGMENTS > 6u) { finish(s6, thread, 6u, 0u, first); }
  if (FRAGMENTS > 7u) { finish(s7, thread, 7u, 0u, first); }
  if (TALL) {
    let second = of_fragment(share, thread, 16u);
    if (FRAGMENTS > 0u) { finish(t0, thread, 0u, 16u, second); }
    if (FRAGMENTS > 1u) { finish(t1, thread, 1u, 16u, second); }
    if (FRAGMENTS > 2u) { finish(t2, thread, 2u, 16u, second); }
    if (FRAGMENTS > 3u) { finish(t3, thread, 3u, 16u, second); }
    if (FRAGMENTS > 4u) { finish(t4, thread, 4u, 16u, second); }
    if (FRAGMENTS > 5u) { finish(t5, thread, 5u, 16u, second); }
    if (FRAGMENTS > 6u) { finish(t6, thread, 6u, 16u, second); }
    if (FRAGMENTS > 7u) { finish(t7, thread, 7u, 16u, second); }
  }
}
