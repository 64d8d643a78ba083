// out[t, i] = (x[t, i] − mean_t) / √(variance_t + epsilon) · weight[i] + bias[i], the variance being mean_i (x[t, i] − mean_t)²
//
// x [rows, 4·quads] f32; out the same, f32 or f16 (lib/quad-*); weight, bias [4·quads] f32. A workgroup makes a row. Mean first, then the squares around it: the
// difference of two large sums would lose what the variance is made of.

struct Params {
  rows: u32,
  quads: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<Quad>;
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
  let columns = f32(params.quads * 4);
  var total = 0.0;
  for (var i = thread; i < params.quads; i += THREADS) {
    total += dot(x[base + i], vec4(1.0));
  }
  let mean = workgroup_sum(total, thread) / columns;
  var squares = 0.0;
  for (var i = thread; i < params.quads; i += THREADS) {
    let value = x[base + i] - mean;
    squares += dot(value, value);
  }
  let factor = 1.0 / sqrt(workgroup_sum(squares, thread) / columns + params.epsilon);
  for (var i = thread; i < params.quads; i += THREADS) {
    output[base + i] = pack_quad((x[base + i] - mean) * factor * weight[i] + bias[i]);
  }
}
