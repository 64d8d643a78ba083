// A strip of 32 columns of weights stored as nibbles (lib/wide-q4), on its way to workgroup memory: a row per thread.
// Needs: wide-q4, `weight_row`, `params.strips`, STRIDE, W_PLACE, `staged`.

alias StripRows = u32;
alias Strip = WeightGroup;

fn strip_rows(group: u32, thread: u32) -> StripRows {
  return weight_row(group, thread) * params.strips;
}

fn load_strip(rows: StripRows, strip: u32, thread: u32) -> Strip {
  return load_wide(rows + strip);
}

fn stage_strip(strip: Strip, thread: u32) {
  let to = W_PLACE + thread * STRIDE;
  staged[to] = wide_octet(strip, 0u);
  staged[to + 1u] = wide_octet(strip, 1u);
  staged[to + 2u] = wide_octet(strip, 2u);
  staged[to + 3u] = wide_octet(strip, 3u);
}
