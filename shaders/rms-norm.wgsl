// out[t, i] = x[t, i] · weight[i] / √(mean_i x[t, i]² + epsilon)
//
// x [rows, 4·quads] f32; out the same, f32 or f16 (lib/quad-*); weight [4·quads] f32. A workgroup makes a row.

struct Params {
  rows: u32,
  quads: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<Quad>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) {
    return;
  }
  let base = row * params.quads;
  var squares = 0.0;
  for (var i = thread; i < params.quads; i += THREADS) {
    let value = x[base + i];
    squares += dot(value, value);
  }
  let mean = workgroup_sum(squares, thread) / f32(params.quads * 4);
  let factor = 1.0 / sqrt(mean + params.epsilon);
  for (var i = thread; i < params.quads; i += THREADS) {
    output[base + i] = pack_quad(x[base + i] * factor * weight[i]);
  }
}
