// What every layer of a decode step needs to know of its tokens, worked out once:
//   places[t] = block and slot in the block of the token's keys and values; cosines, then sines of its rotary angles (bits of f32)
//
// positions [3, tokens]; token_sequence, token_slot [tokens]; block_table [sequences, max_blocks]; cosines, sines [positions, HALF];
// places [tokens, 2 + 2·HALF]. Angle j takes its position from stream 0, 1 or 2: below FIRST_END, below SECOND_END, the rest.
// One thread per angle.

override HALF: u32 = 32u;
override FIRST_END: u32 = 32u;
override SECOND_END: u32 = 32u;

const BLOCK_SIZE = 16u;

struct Params { tokens: u32, max_blocks: u32 }

@group(0) @binding(0) var<storage, read> positions: array<i32>;
@group(0) @binding(1) var<storage, read> token_sequence: array<u32>;
@group(0) @binding(2) var<storage, read> token_slot: array<u32>;
@group(0) @binding(3) var<storage, read> block_table: array<u32>;
@group(0) @binding(4) var<storage, read> cosines: array<f32>;
@group(0) @binding(5) var<storage, read> sines: array<f32>;
@group(0) @binding(6) var<storage, read_write> places: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let j = id.x;
  let token = id.y;
  if (j >= HALF) { return; }
  let at = token * (2u + 2u * HALF);
  if (j == 0u) {
    let slot = token_slot[token];
    places[at] = block_table[token_sequence[token] * params.max_blocks + slot / BLOCK_SIZE];
    places[at + 1u] = slot % BLOCK_SIZE;
  }
  let stream = select(0u, 1u, j >= FIRST_END) + select(0u, 1u, j >= SECOND_END);
  let angle = u32(positions[stream * params.tokens + token]) * HALF + j;
  places[at + 2u + j] = bitcast<u32>(cosines[angle]);
  places[at + 2u + HALF + j] = bitcast<u32>(sines[angle]);
}
