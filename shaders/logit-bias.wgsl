// out[row, token] = logits[row, token] + the values of this row's entries for that token that still hold.
//
// Entries of row r are row_start[r] … row_start[r + 1]; one holds while output_index[r] < until (0xffffffff: always). Two entries of
// one row may name the same token: one thread adds a row's entries in order. One workgroup per row copies, then adds.
// logits, out [rows, vocabulary]; row_start [rows + 1]; token, value, until [entries]; output_index [rows].

override WORKGROUP_SIZE: u32 = 256;

const ALWAYS: u32 = 0xffffffffu;

struct Params { vocabulary: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> row_start: array<u32>;
@group(0) @binding(2) var<storage, read> token: array<u32>;
@group(0) @binding(3) var<storage, read> value: array<f32>;
@group(0) @binding(4) var<storage, read> until: array<u32>;
@group(0) @binding(5) var<storage, read> output_index: array<u32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.x * params.vocabulary;
  for (var i = thread; i < params.vocabulary; i += WORKGROUP_SIZE) {
    out[row + i] = logits[row + i];
  }
  storageBarrier();
  if (thread == 0u) {
    for (var e = row_start[group.x]; e < row_start[group.x + 1u]; e++) {
      let holds = until[e] == ALWAYS || output_index[group.x] < until[e];
      if (holds && token[e] < params.vocabulary) {
        // Bans are large negative values; clamped, several of them stay finite.
        out[row + token[e]] = clamp(out[row + token[e]] + value[e], -3.0e38, 3.0e38);
      }
    }
  }
}
