// A strip of 32 columns of weights stored as int8 (lib/wide-q8), on its way to workgroup memory: half a row of two rows per thread, so that
// neighbours read side by side. Needs: wide-q8, `weight_row`, `params.strips`, THREADS, STRIDE, W_PLACE, `staged`.

alias StripRows = vec2<u32>;
struct Strip { a: vec4<u32>, b: vec4<u32>, scales: vec2<u32> }

fn strip_rows(group: u32, thread: u32) -> StripRows {
  return vec2(weight_row(group, thread / 2u), weight_row(group, thread / 2u + THREADS / 2u)) * params.strips;
}

fn load_strip(rows: StripRows, strip: u32, thread: u32) -> Strip {
  let at = rows + strip;
  let words = at * 2u + thread % 2u;
  return Strip(weight[words.x], weight[words.y], vec2(scales[at.x / 2u], scales[at.y / 2u]) >> (at % 2u * 16u));
}

fn stage_strip(strip: Strip, thread: u32) {
  let to = W_PLACE + thread / 2u * STRIDE + thread % 2u * 2u;
  let a = bitcast<vec2<f16>>(strip.scales.x).x;
  let b = bitcast<vec2<f16>>(strip.scales.y).x;
  staged[to] = octet(strip.a.x, strip.a.y, a);
  staged[to + 1u] = octet(strip.a.z, strip.a.w, a);
  staged[to + THREADS / 2u * STRIDE] = octet(strip.b.x, strip.b.y, b);
  staged[to + THREADS / 2u * STRIDE + 1u] = octet(strip.b.z, strip.b.w, b);
}
