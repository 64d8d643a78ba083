// Attention in both directions within segments of equal length (the frames of a video; one for an image):
//   out[row, head] = Σ_key softmax_key(q[row, head] · k[key, head] / √HEAD_DIM) v[key, head], over the keys of the row's segment
//
// query_keys [rows, 2 · HEADS · HEAD_DIM] = q | k after rotation, or with UNTURNED qkv itself; qkv [rows, 3 · HEADS · HEAD_DIM] for v;
// out [rows, HEADS · HEAD_DIM].
// One workgroup per (ROWS query rows, head, segment). lib/flash-tile does the rest.

override HEAD_DIM: u32 = 64u;      // a multiple of 4
override HEADS: u32 = 1u;
override SCALE: f32 = 0.125;
override UNTURNED: bool = false;
override ROW_HEADS: u32 = select(2u, 3u, UNTURNED) * HEADS;   // heads in a row of query_keys
override COLUMNS: u32 = HEAD_DIM / 4u;

struct Params { segment: u32 }

@group(0) @binding(0) var<storage, read> query_keys: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

var<private> segment_start: u32;
var<private> first_row: u32;       // within the segment
var<private> head: u32;

fn load_query(row: u32, column: u32) -> vec4<f32> {
  if (first_row + row >= params.segment) { return vec4<f32>(); }
  return query_keys[((segment_start + first_row + row) * ROW_HEADS + head) * COLUMNS + column] * SCALE;
}

fn load_key(key: u32, column: u32) -> vec4<f32> {
  return query_keys[((segment_start + key) * ROW_HEADS + HEADS + head) * COLUMNS + column];
}

fn load_value(key: u32, column: u32) -> vec4<f32> {
  return qkv[((segment_start + key) * 3u * HEADS + 2u * HEADS + head) * COLUMNS + column];
}

fn visible_keys(row: u32, keys: u32) -> u32 {
  return keys;
}

fn store_output(row: u32, column: u32, value: vec4<f32>) {
  if (first_row + row >= params.segment) { return; }
  out[((segment_start + first_row + row) * HEADS + head) * COLUMNS + column] = value;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  first_row = group.x * ROWS;
  head = group.y;
  segment_start = group.z * params.segment;
  attend(thread, params.segment);
}
