// Queries, keys and values of a decode step: y = norm(x) · Wᵀ + bias, of which the heads of q and k turn (shaders/rope.wgsl), q goes to
// `queries`, and k and v go to their token's place in the pages.
//
// acts [tokens, columns] = x times the norm's weights, squares those of x (lib/norm-squares); W [(HEADS + 2·KV_HEADS)·HEAD_DIM,
// columns] in any format; places [tokens, 2 + HEAD_DIM] = block, slot in the block, bits of the cosines, bits of the sines;
// queries [tokens, HEADS·HEAD_DIM] f32; pages [blocks, KV_HEADS, 16, HEAD_DIM]. lib/team does the rest: a team's four rows are the dims
// d, d + 1, d + HEAD_DIM/2 and d + 1 + HEAD_DIM/2 of one head, which turn together, and pack in pairs.

override HEADS = 1u;
override HALF = HEAD_DIM / 2u;

struct Params { tokens: u32, has_bias: u32 }

@group(0) @binding(0) var<storage, read> acts: array<ActUnit>;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(3) var<storage, read> scales: array<u32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read> places: array<u32>;
@group(0) @binding(6) var<storage, read_write> queries: array<vec2<f32>>;
@group(0) @binding(7) var<storage, read_write> k_pages: array<KvPair>;
@group(0) @binding(8) var<storage, read_write> v_pages: array<KvPair>;
@group(1) @binding(0) var<uniform> params: Params;

// Of a team: its head and the first of its dims.
fn team_head(team: u32) -> u32 {
  return min(team / (HEAD_DIM / 4u), HEADS + 2u * KV_HEADS - 1u);
}

fn weight_row(team: u32, r: u32) -> u32 {
  return team_head(team) * HEAD_DIM + team % (HEAD_DIM / 4u) * 2u + r % 2u + r / 2u * HALF;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let first_token = group.y * TOKENS;
  let t = thread / TEAMS;
  let team = group.x * TEAMS + thread % TEAMS;
  let stores = t < TOKENS && first_token + t < params.tokens && team < (HEADS + 2u * KV_HEADS) * HEAD_DIM / 4u;
  var turn: Turn;
  if (stores) { turn = load_turn(team, first_token + t); }
  let squared = load_squares(first_token, thread);
  let sums = partial_sums(group.x * TEAMS + thread / LANES, first_token, thread % LANES);
  lay_squares(squared, thread);
  add_up(sums, thread);
  if (stores) { store(total(thread % TEAMS, t) * sum_factor(t), turn, team, first_token + t); }
}

// What a thread needs beside the product, on its way early: bias, angles, block and slot.
struct Turn { bias: vec4<f32>, cosine: vec2<f32>, sine: vec2<f32>, place: vec2<u32> }

fn load_turn(team: u32, token: u32) -> Turn {
  let head = team_head(team);
  let dim = team % (HEAD_DIM / 4u) * 2u;
  let row = head * HEAD_DIM + dim;
  let place = token * (2u + HEAD_DIM);
  let at = place + 2u + dim;
  var turn = Turn(vec4<f32>(), vec2(1.0, 1.0), vec2<f32>(), vec2(places[place], places[place + 1u]));
  if (params.has_bias != 0u) {
    turn.bias = vec4<f32>(bias[row], bias[row + 1u], bias[row + HALF], bias[row + HALF + 1u]);
  }
  if (head < HEADS + KV_HEADS) {
    turn.cosine = bitcast<vec2<f32>>(vec2<u32>(places[at], places[at + 1u]));
    turn.sine = bitcast<vec2<f32>>(vec2<u32>(places[at + HALF], places[at + HALF + 1u]));
  }
  return turn;
}

fn store(product: vec4<f32>, turn: Turn, team: u32, token: u32) {
  let head = team_head(team);
  let dim = team % (HEAD_DIM / 4u) * 2u;
  let flat = product + turn.bias;
  let value = vec4<f32>(flat.xy * turn.cosine - flat.zw * turn.sine, flat.zw * turn.cosine + flat.xy * turn.sine);
  if (head < HEADS) {
    let at = ((token * HEADS + head) * HEAD_DIM + dim) / 2u;
    queries[at] = value.xy;
    queries[at + HALF / 2u] = value.zw;
    return;
  }
  let kv_head = (head - HEADS) % KV_HEADS;
  let at = (((turn.place.x * KV_HEADS + kv_head) * BLOCK_SIZE + turn.place.y) * HEAD_DIM + dim) / 2u;
  if (head < HEADS + KV_HEADS) {
    k_pages[at] = pack_pair(value.xy);
    k_pages[at + HALF / 2u] = pack_pair(value.zw);
  } else {
    v_pages[at] = pack_pair(value.xy);
    v_pages[at + HALF / 2u] = pack_pair(value.zw);
  }
}
