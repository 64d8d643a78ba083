// out[t, i] = silu(gate[t, i]) · up[t, i], where a row of x holds gate and up one after the other and silu(g) = g / (1 + e^−g)
//
// x [rows, 8·quads] f32, out [rows, 4·quads] f32 or f16 (lib/quad-*). A thread makes four values.

// Does a row hold up before gate?
override GATE_SECOND = false;

struct Params {
  rows: u32,
  quads: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<Quad>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.y * groups.x + group.x) * 256 + thread;
  if (at >= params.rows * params.quads) {
    return;
  }
  let first = at / params.quads * params.quads + at;
  let second = first + params.quads;
  let gate = x[select(first, second, GATE_SECOND)];
  let up = x[select(second, first, GATE_SECOND)];
  output[at] = pack_quad(gate * vec4(logistic(gate.x), logistic(gate.y), logistic(gate.z), logistic(gate.w)) * up);
}
