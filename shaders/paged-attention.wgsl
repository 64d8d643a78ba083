// Causal attention over pages, for sequences that bring many tokens:
//   out[token, head] = Σ_slot softmax_slot(q[token, head] · k[slot] / √HEAD_DIM) v[slot], over the slots 0…the token's own
//
// roped [tokens, (HEADS + KV_HEADS) · HEAD_DIM] starts with q; pages [blocks, KV_HEADS, 16, HEAD_DIM]; block_table [sequences,
// max_blocks]; tiles [tiles, 4] = first token, tokens (0: nothing to do), row of block_table, slot of the first token;
// out [tokens, HEADS · HEAD_DIM]. One workgroup per (HEADS_TOGETHER query heads of one kv head, QUERY_TILE tokens of a tile, of which a
// tile has up to PARTS times as many): its rows are those tokens for each of those heads, so that the heads share what is staged.
// lib/flash-tile does the rest.

const QUERY_TILE: u32 = 16u;
const PARTS: u32 = 4u;

override HEADS: u32 = 1u;
override HEADS_TOGETHER: u32 = 1u;
override SCALE: f32 = 0.125;

struct Params { max_blocks: u32 }

@group(0) @binding(0) var<storage, read> roped: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> k_pages: array<KvWord>;
@group(0) @binding(2) var<storage, read> v_pages: array<KvWord>;
@group(0) @binding(3) var<storage, read> block_table: array<u32>;
@group(0) @binding(4) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

var<private> first_token: u32;
var<private> tokens: u32;
var<private> first_slot: u32;
var<private> first_block: u32;
var<private> first_head: u32;

fn load_query(row: u32, column: u32) -> vec4<f32> {
  let token = row % QUERY_TILE;
  if (token >= tokens) { return vec4<f32>(); }
  let head = first_head + row / QUERY_TILE;
  return roped[((first_token + token) * (HEADS + KV_HEADS) + head) * COLUMNS + column] * SCALE;
}

fn key_place(key: u32) -> u32 {
  return page_row(block_table[first_block + key / BLOCK_SIZE], first_head / (HEADS / KV_HEADS), key);
}

fn load_key(key: u32, column: u32) -> vec4<f32> {
  return unpack_kv(k_pages[key_place(key) + column]);
}

fn load_value(key: u32, column: u32) -> vec4<f32> {
  return unpack_kv(v_pages[key_place(key) + column]);
}

fn visible_keys(row: u32, keys: u32) -> u32 {
  return min(first_slot + row % QUERY_TILE + 1u, keys);
}

fn store_output(row: u32, column: u32, value: vec4<f32>) {
  let token = row % QUERY_TILE;
  if (token >= tokens) { return; }
  out[((first_token + token) * HEADS + first_head + row / QUERY_TILE) * COLUMNS + column] = value;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let tile = tiles[group.y / PARTS];
  let before = group.y % PARTS * QUERY_TILE;
  if (tile.y <= before) { return; }
  first_token = tile.x + before;
  tokens = min(tile.y - before, QUERY_TILE);
  first_block = tile.z * params.max_blocks;
  first_slot = tile.w + before;
  first_head = group.x * HEADS_TOGETHER;
  attend(thread, tile.w + min(tile.y, before + QUERY_TILE));
}
