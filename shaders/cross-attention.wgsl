// Attention of one set of queries to each segment of keys (a resampler's learned queries to the patches of a picture):
//   out[segment, row, head] = Σ_key softmax_key(query[row, head] · key[segment, key, head] / √HEAD_DIM) value[segment, key, head]
//
// query [queries, HEADS · HEAD_DIM]; keys, values [segments · segment, HEADS · HEAD_DIM]; out [segments · queries, HEADS · HEAD_DIM].
// One workgroup per (ROWS query rows, head, segment). lib/flash-tile does the rest.

override HEAD_DIM: u32 = 64u;      // a multiple of 4
override HEADS: u32 = 1u;
override SCALE: f32 = 0.125;
override COLUMNS: u32 = HEAD_DIM / 4u;

struct Params { queries: u32, segment: u32 }

@group(0) @binding(0) var<storage, read> query: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> out: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

var<private> segment: u32;
var<private> first_row: u32;
var<private> head: u32;

fn load_query(row: u32, column: u32) -> vec4<f32> {
  if (first_row + row >= params.queries) { return vec4<f32>(); }
  return query[((first_row + row) * HEADS + head) * COLUMNS + column] * SCALE;
}

fn load_key(key: u32, column: u32) -> vec4<f32> {
  return keys[((segment * params.segment + key) * HEADS + head) * COLUMNS + column];
}

fn load_value(key: u32, column: u32) -> vec4<f32> {
  return values[((segment * params.segment + key) * HEADS + head) * COLUMNS + column];
}

fn visible_keys(row: u32, keys: u32) -> u32 {
  return keys;
}

fn store_output(row: u32, column: u32, value: vec4<f32>) {
  if (first_row + row >= params.queries) { return; }
  out[((segment * params.queries + first_row + row) * HEADS + head) * COLUMNS + column] = value;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  first_row = group.x * ROWS;
  head = group.y;
  segment = group.z;
  attend(thread, params.segment);
}
