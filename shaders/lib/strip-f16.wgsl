// A strip of 32 columns of weights stored as f16 pairs (lib/wide-f16), on its way to workgroup memory: a quarter of a row of four rows per
// thread, so that neighbours read side by side. Needs: wide-f16, `weight_row`, `params.strips`, THREADS, STRIDE, W_PLACE, `staged`, `line_of`.

alias StripRows = vec4<u32>;
alias Strip = WeightGroup;

fn strip_rows(group: u32, thread: u32) -> StripRows {
  let line = line_of(thread);
  let rows = vec4(weight_row(group, line), weight_row(group, line + THREADS / 4u), weight_row(group, line + THREADS / 2u), weight_row(group, line + THREADS / 4u * 3u));
  return rows * params.strips * 4u + thread % 4u;
}

fn load_strip(rows: StripRows, strip: u32, thread: u32) -> Strip {
  let at = rows + strip * 4u;
  return Strip(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
}

fn stage_strip(strip: Strip, thread: u32) {
  let to = W_PLACE + line_of(thread) * STRIDE + thread % 4u;
  staged[to] = strip.a;
  staged[to + THREADS / 4u * STRIDE] = strip.b;
  staged[to + THREADS / 2u * STRIDE] = strip.c;
  staged[to + THREADS / 4u * 3u * STRIDE] = strip.d;
}
