// Closes a step: appends every sampled row's results to the ring, and in a decode step moves the state on, so that the next step can
// run before the CPU has seen this one.
//
// Ring entry (iteration · rows + row) · WIDTH: token id, then, if TOP >= 0: log-probability and rank of the chosen token, TOP ids,
// TOP log-probabilities (floats as their bits).
// State (DECODE only; row r's token is token r): token id ← the sampled one (0 if the row failed), slot, three positions, tile start
// and output length + 1. The iteration counter goes up once, after all rows have read it: one workgroup does everything.

override WORKGROUP_SIZE: u32 = 64;
override DECODE: u32 = 0;
override TOP: i32 = -1;

struct Params {
  rows: u32,
  tokens: u32,
  iteration: u32,
  token_ids: u32,
  positions: u32,
  token_slot: u32,
  tiles: u32,
  output_index: u32,
}

const FAILED: u32 = 0xffffffffu;

@group(0) @binding(0) var<storage, read> sampled: array<u32>;
@group(0) @binding(1) var<storage, read> chosen_logprob: array<f32>;
@group(0) @binding(2) var<storage, read> chosen_rank: array<u32>;
@group(0) @binding(3) var<storage, read> top_ids: array<u32>;
@group(0) @binding(4) var<storage, read> top_logprobs: array<f32>;
@group(0) @binding(5) var<storage, read_write> state: array<u32>;
@group(0) @binding(6) var<storage, read_write> ring: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

fn append(row: u32, iteration: u32) {
  let top = u32(max(TOP, 0));
  let width = select(1u, 3u + 2u * top, TOP >= 0);
  let at = (iteration * params.rows + row) * width;
  ring[at] = sampled[row];
  if (TOP >= 0) {
    ring[at + 1u] = bitcast<u32>(chosen_logprob[row]);
    ring[at + 2u] = chosen_rank[row];
    for (var i = 0u; i < top; i++) {
      ring[at + 3u + i] = top_ids[row * top + i];
      ring[at + 3u + top + i] = bitcast<u32>(top_logprobs[row * top + i]);
    }
  }
}

fn move_on(row: u32) {
  let id = sampled[row];
  state[params.token_ids + row] = select(id, 0u, id == FAILED);
  state[params.token_slot + row] += 1u;
  for (var stream = 0u; stream < 3u; stream++) {
    state[params.positions + stream * params.tokens + row] += 1u;
  }
  state[params.tiles + row * 4u + 3u] += 1u;
  state[params.output_index + row] += 1u;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) thread: u32) {
  let iteration = state[params.iteration];
  for (var row = thread; row < params.rows; row += WORKGROUP_SIZE) {
    append(row, iteration);
    if (DECODE == 1u) { move_on(row); }
  }
  storageBarrier();
  if (thread == 0u) { state[params.iteration] = iteration + 1u; }
}
