// Windows of `window` neighbouring rows side by side, zeros where a window reaches past the ends; with a linear layer, a 1-D convolution:
//   at = t · stride + j − padding
//   out[t, j · WIDTH + c] = x[at, c], or with CHANNEL_FIRST out[t, c · window + j] = x[at, c]
//
// x [rows, width] f32, out [out_rows, width · window] f32. A thread makes one value.

// Do the places of a window stand together for each channel, as in a convolution's weights?
override CHANNEL_FIRST = false;

struct Params {
  rows: u32,
  width: u32,
  window: u32,
  stride: u32,
  padding: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.y * groups.x + group.x) * 64 + thread;
  if (at >= params.count) {
    return;
  }
  let columns = params.width * params.window;
  let column = at % columns;
  var place = column / params.width;
  var channel = column % params.width;
  if (CHANNEL_FIRST) {
    place = column % params.window;
    channel = column / params.window;
  }
  let row = at / columns * params.stride + place;
  var value = 0.0;
  if (row >= params.padding && row < params.rows + params.padding) {
    value = x[(row - params.padding) * params.width + channel];
  }
  output[at] = value;
}
