// out[t, n] = silu(gate) · up with gate = Σ_k norm(x)[t, k] · W[n, k] + bias[n], and up the same of row n + width, for several tokens
//
// acts [tokens, columns] f16 = x times the norm's weights, squares those of x (lib/skinny-norm); W [2·width, columns] in any format but f32;
// out [tokens, width] f16 (act-f16); 16 divides width. lib/skinny does the rest; of a workgroup's two tiles one holds gates, one ups.

struct Params { tokens: u32, width: u32, has_bias: u32 }

@group(0) @binding(0) var<storage, read> acts: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<act>;
@group(1) @binding(0) var<uniform> params: Params;

fn tile_row(group: u32, tile: u32) -> u32 {
  return group * 16u + tile * params.width;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  find_factors(group.y * 16u, thread);
  multiply(group.x, group.y * 16u, thread);
  for (var first = 0u; first < 256u; first += THREADS) {
    let i = first + thread;
    let token = group.y * 16u + i / 16u;
    let row = group.x * 16u + i % 16u;
    if (i < 256u && token < params.tokens) {
      var gate = total(0u, i / 16u, i % 16u) * sum_factor(i / 16u);
      var up = total(1u, i / 16u, i % 16u) * sum_factor(i / 16u);
      if (params.has_bias != 0u) {
        gate += bias[row];
        up += bias[params.width + row];
      }
      out[token * params.width + row] = to_act(gate * logistic(gate) * up);
    }
  }
}
