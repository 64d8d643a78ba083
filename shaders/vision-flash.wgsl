// Attention in both directions within segments of equal length (the frames of a video; one for an image), with subgroup matrices:
//   out[row, head] = Σ_key softmax_key(q[row, head] · k[key, head] / √HEAD_DIM) v[key, head], over the keys of the row's segment
//
// query_keys [rows, 2 · HEADS · HEAD_DIM] = q | k after rotation, or with UNTURNED qkv itself; qkv [rows, 3 · HEADS · HEAD_DIM] for v;
// all f32; out [rows, HEADS · HEAD_DIM], f32 or f16 (lib/quad-*). One workgroup per (ROWS query rows, head, segment). lib/flash-matrix does the rest.

override HEADS: u32 = 1u;
override SCALE: f32 = 0.125;
override UNTURNED: bool = false;
override ROW_HEADS: u32 = select(2u, 3u, UNTURNED) * HEADS;   // heads in a row of query_keys

const COLUMNS: u32 = 2u * UNITS;

struct Params { segment: u32 }

@group(0) @binding(0) var<storage, read> query_keys: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<Quad>;
@group(1) @binding(0) var<uniform> params: Params;

var<private> segment_start: u32;
var<private> first_row: u32;       // within the segment
var<private> head: u32;

fn pack(low: vec4<f32>, high: vec4<f32>) -> vec4<u32> {
  return vec4(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
}

fn load_query(row: u32, unit: u32) -> vec4<u32> {
  if (first_row + row >= params.segment) { return vec4<u32>(); }
  let at = ((segment_start + first_row + row) * ROW_HEADS + head) * COLUMNS + 2u * unit;
  return pack(query_keys[at] * SCALE, query_keys[at + 1u] * SCALE);
}

fn load_key(key: u32, unit: u32) -> vec4<u32> {
  let at = ((segment_start + key) * ROW_HEADS + HEADS + head) * COLUMNS + 2u * unit;
  return pack(query_keys[at], query_keys[at + 1u]);
}

fn load_value(key: u32, unit: u32) -> vec4<u32> {
  let at = ((segment_start + key) * 3u * HEADS + 2u * HEADS + head) * COLUMNS + 2u * unit;
  return pack(qkv[at], qkv[at + 1u]);
}

fn visible_keys(row: u32, keys: u32) -> u32 {
  return keys;
}

fn store_output(row: u32, unit: u32, low: vec4<f32>, high: vec4<f32>) {
  if (first_row + row >= params.segment) { return; }
  let at = ((segment_start + first_row + row) * HEADS + head) * COLUMNS + 2u * unit;
  out[at] = pack_quad(low);
  out[at + 1u] = pack_quad(high);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  first_row = group.x * ROWS;
  head = group.y;
  segment_start = group.z * params.segment;
  attend(thread, params.segment);
}
