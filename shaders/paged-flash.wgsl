// Causal attention over pages in f16, for sequences that bring many tokens, with subgroup matrices:
//   out[token, head] = Σ_slot softmax_slot(q[token, head] · k[slot] / √HEAD_DIM) v[slot], over the slots 0…the token's own
//
// roped [tokens, (HEADS + KV_HEADS) · HEAD_DIM] f32 starts with q; pages [blocks, KV_HEADS, 16, HEAD_DIM]; block_table [sequences,
// max_blocks]; tiles [tiles, 4] = first token, tokens (0: nothing to do), row of block_table, slot of the first token;
// out [tokens, HEADS · HEAD_DIM] f32 or f16 (lib/quad-*). One workgroup per (HEADS_TOGETHER query heads of one kv head, tile of up to
// 64 tokens): a subgroup has 16 tokens for one head, and all share what is staged. lib/flash-matrix does the rest.

const BLOCK_SIZE: u32 = 16u;

override HEADS: u32 = 1u;
override KV_HEADS: u32 = 1u;
override HEADS_TOGETHER: u32 = 1u;
override SCALE: f32 = 0.125;

const COLUMNS: u32 = 2u * UNITS;

struct Params { max_blocks: u32 }

@group(0) @binding(0) var<storage, read> roped: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> k_pages: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> v_pages: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> block_table: array<u32>;
@group(0) @binding(4) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> out: array<Quad>;
@group(1) @binding(0) var<uniform> params: Params;

var<private> first_token: u32;
var<private> tokens: u32;
var<private> first_slot: u32;
var<private> first_block: u32;
var<private> first_head: u32;

fn load_query(row: u32, unit: u32) -> vec4<u32> {
  let token = row % 64u;
  if (token >= tokens) { return vec4<u32>(); }
  let at = ((first_token + token) * (HEADS + KV_HEADS) + first_head + row / 64u) * COLUMNS + 2u * unit;
  let low = roped[at] * SCALE;
  let high = roped[at + 1u] * SCALE;
  return vec4(pack2x16float(low.xy), pack2x16float(low.zw), pack2x16float(high.xy), pack2x16float(high.zw));
}

fn key_place(key: u32) -> u32 {
  let block = block_table[first_block + key / BLOCK_SIZE];
  return ((block * KV_HEADS + first_head / (HEADS / KV_HEADS)) * BLOCK_SIZE + key % BLOCK_SIZE) * UNITS;
}

fn load_key(key: u32, unit: u32) -> vec4<u32> {
  return k_pages[key_place(key) + unit];
}

fn load_value(key: u32, unit: u32) -> vec4<u32> {
  return v_pages[key_place(key) + unit];
}

fn visible_keys(row: u32, keys: u32) -> u32 {
  return min(first_slot + row % 64u + 1u, keys);
}

fn store_output(row: u32, unit: u32, low: vec4<f32>, high: vec4<f32>) {
  let token = row % 64u;
  if (token >= tokens) { return; }
  let at = ((first_token + token) * HEADS + first_head + row / 64u) * COLUMNS + 2u * unit;
  out[at] = pack_quad(low);
  out[at + 1u] = pack_quad(high);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let tile = tiles[group.y];
  if (tile.y == 0u) { return; }
  first_token = tile.x;
  tokens = tile.y;
  first_block = tile.z * params.max_blocks;
  first_slot = tile.w;
  first_head = group.x * HEADS_TOGETHER;
  attend(thread, tile.w + tile.y);
}
