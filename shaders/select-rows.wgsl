// out[i] = x[index[i]]
//
// index [count] u32, x [rows, 4·quads] f32, out [count, 4·quads] f32. A thread makes four values.

struct Params {
  count: u32,
  quads: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.y * groups.x + group.x) * 64 + thread;
  if (at < params.count * params.quads) {
    output[at] = x[index[at / params.quads] * params.quads + at % params.quads];
  }
}
