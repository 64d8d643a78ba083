// The first rows of a decode step: x[t] = media[media_rows[t]], or table[ids[t]] where media_rows[t] is 0xffffffff, and what the first
// norm and product need of it: acts[t] = x[t] · norm, squares[t] = Σ x[t]²
//
// ids, media_rows [tokens] u32; table (weight, scales) [rows, 4·quads] in any format; media [capacity, 4·quads] f32; norm [4·quads];
// x [tokens, 4·quads] f32; acts the same, laid out for products in chunks of params.units units (lib/act-place). A workgroup per token.

const NO_MEDIA_ROW = 0xffffffffu;

struct Params { rows: u32, quads: u32, units: u32 }

@group(0) @binding(0) var<storage, read> ids: array<u32>;
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> media_rows: array<u32>;
@group(0) @binding(4) var<storage, read> media: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> norm: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> acts: array<act>;
@group(0) @binding(8) var<storage, read_write> squares: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let token = group.x;
  let media_row = media_rows[token];
  // Ids of media placeholders may lie past the table.
  let row = min(ids[token], params.rows - 1u) * params.quads;
  var sum = 0.0;
  for (var quad = thread; quad < params.quads; quad += THREADS) {
    var value: vec4<f32>;
    if (media_row == NO_MEDIA_ROW) {
      value = weight4(row + quad);
    } else {
      value = media[media_row * params.quads + quad];
    }
    x[token * params.quads + quad] = value;
    let scaled = value * norm[quad];
    let at = token * params.quads * 4u + act_place(4u * quad, 4u * params.quads, params.units);
    for (var i = 0u; i < 4u; i++) {
      acts[at + i] = to_act(scaled[i]);
    }
    sum += dot(value, value);
  }
  let total = workgroup_sum(sum, thread);
  if (thread == 0u) {
    squares[token] = total;
  }
}
