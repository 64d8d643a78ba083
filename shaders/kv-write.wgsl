// Puts the keys and values of new tokens into their pages:
//   pages[block_table[sequence, slot / 16], head, slot mod 16] = key or value of (token, head)
//
// roped [tokens, (HEADS + KV_HEADS) · HEAD_DIM] holds q | k after rotation, qkv [tokens, (HEADS + 2 KV_HEADS) · HEAD_DIM] the v;
// token_sequence and token_slot [tokens]; block_table [sequences, max_blocks]; pages [blocks, KV_HEADS, 16, HEAD_DIM].
// One thread per four dims of a key and its value.

override HEADS: u32 = 1u;

struct Params { tokens: u32, max_blocks: u32 }

@group(0) @binding(0) var<storage, read> roped: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> token_sequence: array<u32>;
@group(0) @binding(3) var<storage, read> token_slot: array<u32>;
@group(0) @binding(4) var<storage, read> block_table: array<u32>;
@group(0) @binding(5) var<storage, read_write> k_pages: array<KvWord>;
@group(0) @binding(6) var<storage, read_write> v_pages: array<KvWord>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(32, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let token = id.y;
  if (id.x >= KV_HEADS * COLUMNS || token >= params.tokens) { return; }
  let slot = token_slot[token];
  let block = block_table[token_sequence[token] * params.max_blocks + slot / BLOCK_SIZE];
  let to = page_row(block, id.x / COLUMNS, slot) + id.x % COLUMNS;
  k_pages[to] = pack_kv(roped[(token * (HEADS + KV_HEADS) + HEADS) * COLUMNS + id.x]);
  v_pages[to] = pack_kv(qkv[(token * (HEADS + 2u * KV_HEADS) + HEADS + KV_HEADS) * COLUMNS + id.x]);
}
