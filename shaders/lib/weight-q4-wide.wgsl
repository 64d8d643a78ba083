// Weights stored as nibbles with an f16 scale per 32 columns (column 2i of 8 in nibble i, column 2i+1 in nibble i+4), read a whole group at
// a time. Needs: `weight: array<WeightWord>`, `scales: array<u32>` (f16 pairs).

alias WeightWord = vec4<u32>;

fn chunk_scale(chunk: u32) -> f32 {
  return unpack2x16float(scales[chunk / 2u])[chunk % 2u];
}
