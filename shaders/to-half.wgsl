// out[i] = x[i] rounded to f16, pairs in words
//
// x [4·quads] f32, out [4·quads] f16. A thread makes four values; workgroups are folded into y.

struct Params { quads: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> out: array<Quad>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.y * groups.x + group.x) * 256u + thread;
  if (at >= params.quads) { return; }
  out[at] = pack_quad(x[at]);
}
