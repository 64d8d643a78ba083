// Queries, keys and values of several tokens, one each of as many sequences: y = norm(x) · Wᵀ + bias, of which the heads of q and k turn
// (shaders/rope.wgsl), q goes to `queries`, and k and v go to their token's place in the pages.
//
// acts [tokens, columns] f16 = x times the norm's weights, squares those of x (lib/skinny-norm); W [(HEADS + 2·KV_HEADS)·HEAD_DIM, columns]
// in any format but f32; places [tokens, 2 + HEAD_DIM] = block, slot in the block, bits of the cosines, bits of the sines; queries [tokens,
// HEADS·HEAD_DIM] f32; pages [blocks, KV_HEADS, 16, HEAD_DIM] f16; 32 divides HEAD_DIM. lib/skinny does the rest; the rows of a
// workgroup's two tiles are dims of one head that turn together.

override HEADS = 1u;
override HALF = HEAD_DIM / 2u;

struct Params { tokens: u32, has_bias: u32 }

@group(0) @binding(0) var<storage, read> acts: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> places: array<u32>;
@group(0) @binding(6) var<storage, read_write> queries: array<f32>;
@group(0) @binding(7) var<storage, read_write> k_pages: array<f16>;
@group(0) @binding(8) var<storage, read_write> v_pages: array<f16>;
@group(1) @binding(0) var<uniform> params: Params;

fn tile_row(group: u32, tile: u32) -> u32 {
  let per_head = HALF / 16u;
  return group / per_head * HEAD_DIM + group % per_head * 16u + tile * HALF;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  find_factors(group.y * 16u, thread);
  multiply(group.x, group.y * 16u, thread);
  for (var first = 0u; first < 256u; first += THREADS) {
    let i = first + thread;
    let token = group.y * 16u + i / 16u;
    if (i < 256u && token < params.tokens) {
      let product = vec2(total(0u, i / 16u, i % 16u), total(1u, i / 16u, i % 16u)) * sum_factor(i / 16u);
      store(product, tile_row(group.x, 0u) + i % 16u, token);
    }
  }
}

// row: of the product's first value; the other is HALF rows further.
fn store(product: vec2<f32>, row: u32, token: u32) {
  let head = row / HEAD_DIM;
  let dim = row % HEAD_DIM;
  var value = product;
  if (params.has_bias != 0u) { value += vec2(bias[row], bias[row + HALF]); }
  let place = token * (2u + HEAD_DIM);
  if (head < HEADS + KV_HEADS) {
    let cosine = bitcast<f32>(places[place + 2u + dim]);
    let sine = bitcast<f32>(places[place + 2u + HALF + dim]);
    value = vec2(value.x * cosine - value.y * sine, value.y * cosine + value.x * sine);
  }
  if (head < HEADS) {
    let at = token * HEADS * HEAD_DIM + row;
    queries[at] = value.x;
    queries[at + HALF] = value.y;
    return;
  }
  let kv_head = (head - HEADS) % KV_HEADS;
  let at = ((places[place] * KV_HEADS + kv_head) * BLOCK_SIZE + places[place + 1u]) * HEAD_DIM + dim;
  // Beyond the range of f16 the largest one stands: an infinity would turn the whole row into NaN.
  let inside = vec2<f16>(clamp(value, vec2(-65504.0), vec2(65504.0)));
  if (head < HEADS + KV_HEADS) {
    k_pages[at] = inside.x;
    k_pages[at + HALF] = inside.y;
  } else {
    v_pages[at] = inside.x;
    v_pages[at + HALF] = inside.y;
  }
}
