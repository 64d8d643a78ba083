// x[t, n] += Σ_k input[t, k] · W[n, k] + bias[n], the residual stream of several tokens, and what the next norm and product need of it:
//   next_acts[t, n] = x[t, n] · next_norm[n],  squares[t, workgroup] = Σ x[t, n]² over the workgroup's rows
//
// acts [tokens, columns] f16 = input; W [rows, columns] in any format but f32, x [tokens, rows] f32 in place, next_acts [tokens, rows] f16
// (act-f16), squares [tokens, workgroups]; TILES · 16 divides rows. lib/skinny does the rest.

struct Params { tokens: u32, rows: u32, has_bias: u32 }

@group(0) @binding(0) var<storage, read> acts: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> next_norm: array<f32>;
@group(0) @binding(5) var<storage, read_write> x: array<f32>;
@group(0) @binding(6) var<storage, read_write> next_acts: array<act>;
@group(0) @binding(7) var<storage, read_write> squares: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn tile_row(group: u32, tile: u32) -> u32 {
  return (group * TILES + tile) * 16u;
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  multiply(group.x, group.y * 16u, thread);
  for (var first = 0u; first < 256u; first += THREADS) {
    let i = first + thread;
    let token = group.y * 16u + i / 16u;
    var sum = 0.0;
    if (i < 256u && token < params.tokens) {
      for (var tile = 0u; tile < TILES; tile++) {
        let row = tile_row(group.x, tile) + i % 16u;
        let at = token * params.rows + row;
        var value = x[at] + total(tile, i / 16u, i % 16u) / ACT_SCALE;
        if (params.has_bias != 0u) { value += bias[row]; }
        x[at] = value;
        next_acts[at] = to_act(value * next_norm[row]);
        sum += value * value;
      }
    }
    sum = sum_of_sixteen(sum);
    if (i < 256u && i % 16u == 0u && token < params.tokens) { squares[token * groups.x + group.x] = sum; }
  }
}
