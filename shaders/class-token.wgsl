// Patches of `images` pictures, each behind the class token, with their positions: for row r of a picture's patches + 1 rows,
//   out[r] = (class_token if r = 0, else x[r − 1]) + positions[r]
//
// x [images · patches, 4·quads]; class_token [4·quads]; positions [patches + 1, 4·quads]; out [images · (patches + 1), 4·quads]; all f32.
// A thread makes four values.

struct Params {
  rows: u32,
  patches: u32,
  quads: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> class_token: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> positions: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.y * groups.x + group.x) * 64 + thread;
  let row = at / params.quads;
  let quad = at % params.quads;
  if (row >= params.rows) {
    return;
  }
  let place = row % (params.patches + 1);
  var value = class_token[quad];
  if (place > 0) {
    value = x[(row / (params.patches + 1) * params.patches + place - 1) * params.quads + quad];
  }
  output[at] = value + positions[place * params.quads + quad];
}
