// Puts the splits of a decode step's attention together (lib/merged-splits), as attention-combine does, for the product that follows: out
// [tokens, HEADS · HEAD_DIM] laid out for products in chunks of params.units units (lib/act-place). One thread per four dims.

struct Params { splits: u32, units: u32 }

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<act>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= HEADS * COLUMNS) { return; }
  let value = merged(id.y, id.x, params.splits);
  let at = id.y * HEADS * HEAD_DIM + act_place(4u * id.x, HEADS * HEAD_DIM, params.units);
  for (var i = 0u; i < 4u; i++) {
    out[at + i] = to_act(value[i]);
  }
}
