// Weights stored as f16 pairs, a group of 32 columns as a thread loads them at once. Needs: `weight: array<WeightWord>`.

alias WeightWord = vec4<u32>;
struct WeightGroup { a: vec4<u32>, b: vec4<u32>, c: vec4<u32>, d: vec4<u32> }

fn load_wide(group: u32) -> WeightGroup {
  let at = 4u * group;
  return WeightGroup(weight[at], weight[at + 1u], weight[at + 2u], weight[at + 3u]);
}

// The o-th eight columns, as halves.
fn wide_octet(wide: WeightGroup, o: u32) -> vec4<u32> {
  switch o {
    case 0u: { return wide.a; }
    case 1u: { return wide.b; }
    case 2u: { return wide.c; }
    default: { return wide.d; }
  }
}
