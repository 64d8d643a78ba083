// Weights stored as nibbles with an f16 scale per 32 columns (lib/halves-q4), a group of 32 columns as a thread loads them at once.
// Needs: `weight: array<WeightWord>`, `scales: array<u32>` (f16 pairs).

alias WeightWord = vec4<u32>;
struct WeightGroup { words: vec4<u32>, scale: u32 }

fn load_wide(group: u32) -> WeightGroup {
  return WeightGroup(weight[group], scales[group / 2u] >> (group % 2u * 16u));
}

fn pair(word: u32, scale: f16) -> u32 {
  return bitcast<u32>((bitcast<vec2<f16>>((word & 0x000f000fu) | 0x64006400u) - vec2(1032.0h)) * scale);
}

fn octet(word: u32, scale: f16) -> vec4<u32> {
  return vec4(pair(word, scale), pair(word >> 4u, scale), pair(word >> 8u, scale), pair(word >> 12u, scale));
}

// The o-th eight columns, as halves.
fn wide_octet(wide: WeightGroup, o: u32) -> vec4<u32> {
  return octet(wide.words[o], bitcast<vec2<f16>>(wide.scale).x);
}
