// Puts the splits of paged-attention-decode together (lib/merged-splits): out [tokens, HEADS · HEAD_DIM]. One thread per four dims.

struct Params { splits: u32 }

@group(0) @binding(0) var<storage, read> partials: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= HEADS * COLUMNS) { return; }
  out[id.y * HEADS * COLUMNS + id.x] = merged(id.y, id.x, params.splits);
}
