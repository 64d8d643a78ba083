// Adds each row's sampled token to its counts, which penalties read: counts[slot, token] += 1.
//
// sampled, slots [rows]; counts [slots, vocabulary]. Slot 0 belongs to nobody: rows there are passed over, and so are failed ones.
// Rows have slots of their own, so no two threads meet. One thread per row.

override WORKGROUP_SIZE: u32 = 64;

struct Params { rows: u32, vocabulary: u32 }

@group(0) @binding(0) var<storage, read> sampled: array<u32>;
@group(0) @binding(1) var<storage, read> slots: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  if (row >= params.rows) { return; }
  let token = sampled[row];
  if (slots[row] != 0u && token < params.vocabulary) {
    counts[slots[row] * params.vocabulary + token] += 1u;
  }
}
