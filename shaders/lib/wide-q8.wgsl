// Weights stored as int8 with an f16 scale per 32 columns (lib/halves-q8), a group of 32 columns as a thread loads them at once.
// Needs: `weight: array<WeightWord>`, `scales: array<u32>` (f16 pairs).

alias WeightWord = vec4<u32>;
struct WeightGroup { low: vec4<u32>, high: vec4<u32>, scale: u32 }

fn load_wide(group: u32) -> WeightGroup {
  return WeightGroup(weight[2u * group], weight[2u * group + 1u], scales[group / 2u] >> (group % 2u * 16u));
}

fn pair(low: u32, high: u32, scale: f16) -> u32 {
  let bytes = ((low & 0xffu) | ((high & 0xffu) << 16u)) ^ 0x00800080u;
  return bitcast<u32>((bitcast<vec2<f16>>(bytes | 0x64006400u) - vec2(1152.0h)) * scale);
}

fn octet(low: u32, high: u32, scale: f16) -> vec4<u32> {
  return vec4(pair(low, low >> 8u, scale), pair(low >> 16u, low >> 24u, scale), pair(high, high >> 8u, scale), pair(high >> 16u, high >> 24u, scale));
}

// The o-th eight columns, as halves.
fn wide_octet(wide: WeightGroup, o: u32) -> vec4<u32> {
  let bytes = select(wide.low, wide.high, o > 1u);
  return octet(bytes[o % 2u * 2u], bytes[o % 2u * 2u + 1u], bitcast<vec2<f16>>(wide.scale).x);
}
