// Pages of keys or values are [blocks, KV_HEADS, BLOCK_SIZE, HEAD_DIM]; columns count groups of four dims.

const BLOCK_SIZE: u32 = 16u;

override HEAD_DIM: u32 = 64u;      // a multiple of 4
override KV_HEADS: u32 = 1u;
override COLUMNS: u32 = HEAD_DIM / 4u;

// The first word of a token's row in a page.
fn page_row(block: u32, kv_head: u32, slot: u32) -> u32 {
  return ((block * KV_HEADS + kv_head) * BLOCK_SIZE + slot % BLOCK_SIZE) * COLUMNS;
}
