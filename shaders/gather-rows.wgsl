// out[t] = media[media_rows[t]], or table[ids[t]] where media_rows[t] is 0xffffffff
//
// ids, media_rows [tokens] u32; table (weight, scales) [rows, 4·quads] in any format; media [capacity, 4·quads] f32;
// out [tokens, 4·quads] f32. A thread makes four values.

const NO_MEDIA_ROW = 0xffffffffu;

struct Params {
  tokens: u32,
  rows: u32,
  quads: u32,
}

@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> media_rows: array<u32>;
@group(0) @binding(4) var<storage, read> media: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.y * groups.x + group.x) * 64 + thread;
  let token = at / params.quads;
  let quad = at % params.quads;
  if (token >= params.tokens) {
    return;
  }
  let media_row = media_rows[token];
  if (media_row == NO_MEDIA_ROW) {
    // Ids of padding and media placeholders may lie past the table.
    output[at] = weight4(min(ids[token], params.rows - 1) * params.quads + quad);
  } else {
    output[at] = media[media_row * params.quads + quad];
  }
}
