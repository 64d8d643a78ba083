// out[t, n] = Σ_k norm(x)[t, k] · W[n, k] + bias[n], the logits of several tokens
//
// acts [tokens, columns] f16 = x times the norm's weights, squares those of x (lib/skinny-norm); W [rows, columns] in any format but f32;
// out [tokens, rows] f32; 16 · TILES divides rows. Workgroups are folded into y. lib/skinny does the rest.

struct Params { tokens: u32, rows: u32, has_bias: u32 }

@group(0) @binding(0) var<storage, read> acts: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Workgroups past the end repeat the last one.
fn tile_row(group: u32, tile: u32) -> u32 {
  return min((group * TILES + tile) * 16u, params.rows - 16u);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let place = group.y * groups.x + group.x;
  find_factors(group.z * 16u, thread);
  multiply(place, group.z * 16u, thread);
  for (var first = 0u; first < 256u; first += THREADS) {
    let i = first + thread;
    let token = group.z * 16u + i / 16u;
    if (i < 256u && token < params.tokens) {
      for (var tile = 0u; tile < TILES; tile++) {
        let row = tile_row(place, tile) + i % 16u;
        var value = total(tile, i / 16u, i % 16u) * sum_factor(i / 16u);
        if (params.has_bias != 0u) { value += bias[row]; }
        out[token * params.rows + row] = value;
      }
    }
  }
}
