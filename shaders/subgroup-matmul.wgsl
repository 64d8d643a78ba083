// out[t, n] = epilogue(Σ_k x[t, k] · W[n, k]) with subgroup matrices of 16 × 16, products of f16 summed in f32; or, GATED,
// out[t, n] = silu(gate) · up with gate = Σ_k x[t, k] · W[n, k] + bias[n], and up the same of row n + rows / 2.
//
// x [tokens, 32·strips] f16, W [rows, 32·strips] in any format but f32, out [tokens, rows] ([tokens, rows / 2] if GATED) f32 or f16 (Quad);
// 4 divides rows, 8 if GATED. A workgroup makes a tile of out: SUBGROUPS_M × SUBGROUPS_N subgroups of 32 threads, each with 4 × FRAGMENTS_N
// fragments. It walks along k in strips of 32 columns, staged as f16 in workgroup memory (W decoded); while one strip is multiplied,
// the next two are on their way into registers. What reads and writes memory is laid out so that eight lanes side by side meet few lines and
// different banks, since that is what limits it: strides of staged rows are odd, and neighbouring lines go to lanes apart. Tokens and rows
// past the edge repeat the last one, and are not stored. At the end fragments go through the same memory, for the epilogue. Fragments have
// names of their own since arrays of them end up in memory, not in registers. The more of them a subgroup has, the less each product has to
// load: 4 × 4 take half a fragment per product, 4 × 2 three quarters. Workgroups go along rows in bands of BAND tiles of tokens.
// The piece before this one says: SUBGROUPS_M, SUBGROUPS_N, FRAGMENTS_N (2 or 4).

override GATED = false;

const THREADS = 32u * SUBGROUPS_M * SUBGROUPS_N;
const TILE_M = 64u * SUBGROUPS_M;
const MINE_N = 16u * FRAGMENTS_N;           // rows of a subgroup
const TILE_N = MINE_N * SUBGROUPS_N;        // as many as threads
const STRIDE = 5u;                          // of a staged row, in units of eight columns
const COPIES = TILE_M * 4u / THREADS;       // 2 or 4
const W_PLACE = TILE_M * STRIDE;
const QUADS = MINE_N / 4u;                  // of a finished row
const BAND = 4u;
const MEMORY = max((TILE_M + TILE_N) * STRIDE, THREADS / 32u * 16u * QUADS);

struct Params {
  tokens: u32,
  rows: u32,
  strips: u32,
  has_bias: u32,
  has_residual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> output: array<Quad>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> staged: array<vec4<u32>, MEMORY>;

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Result = subgroup_matrix_result<f32, 16, 16>;

// Where a workgroup's part of out lies, and the thread's subgroup in it.
struct Place { thread: u32, token: u32, row: u32 }

// The row of W behind a row of the tile. GATED: half of a subgroup's rows are gates, half the ups of the same.
fn weight_row(group: u32, r: u32) -> u32 {
  if (!GATED) { return min(group * TILE_N + r, params.rows - 1u); }
  let half = params.rows / 2u;
  let gate = group * (TILE_N / 2u) + r / MINE_N * (MINE_N / 2u) + r % (MINE_N / 2u);
  return min(gate, half - 1u) + select(0u, half, r % MINE_N >= MINE_N / 2u);
}

// Of the lines that eight lanes copy, one is four further than the other.
fn line_of(thread: u32) -> u32 {
  return thread / 32u * 8u + thread / 8u % 4u + thread / 4u % 2u * 4u;
}

// Units of eight columns of x.
struct Units { a: vec4<u32>, b: vec4<u32>, c: vec4<u32>, d: vec4<u32> }

fn load_x(tokens: vec4<u32>, strip: u32) -> Units {
  let at = tokens + strip * 4u;
  var units: Units;
  units.a = x[at.x];
  units.b = x[at.y];
  if (COPIES > 2u) { units.c = x[at.z]; units.d = x[at.w]; }
  return units;
}

fn left(at: u32) -> Left {
  return subgroupMatrixLoad<Left, row_major>(&staged, at, STRIDE);
}

fn right(at: u32) -> Right {
  return subgroupMatrixLoad<Right, col_major>(&staged, at, STRIDE);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let flat = id.y * groups.x + id.x;
  let first_band = flat / (BAND * groups.x) * BAND;
  let high = min(BAND, groups.y - first_band);
  let in_band = flat - first_band * groups.x;
  let group = vec2(in_band / high, first_band + in_band % high);
  let subgroup = thread / 32u;
  let my_x = subgroup / SUBGROUPS_N * 64u * STRIDE;
  let my_w = W_PLACE + subgroup % SUBGROUPS_N * MINE_N * STRIDE;
  let line = line_of(thread);
  let last = params.tokens - 1u;
  let tokens = min(group.y * TILE_M + line + vec4(0u, 1u, 2u, 3u) * (THREADS / 4u), vec4(last)) * params.strips * 4u + thread % 4u;
  let rows = strip_rows(group.x, thread);
  let x_to = line * STRIDE + thread % 4u;
  var a0 = Result(); var a1 = Result(); var a2 = Result(); var a3 = Result();
  var b0 = Result(); var b1 = Result(); var b2 = Result(); var b3 = Result();
  var c0 = Result(); var c1 = Result(); var c2 = Result(); var c3 = Result();
  var d0 = Result(); var d1 = Result(); var d2 = Result(); var d3 = Result();
  let second = min(1u, params.strips - 1u);
  var next_x = load_x(tokens, 0u);
  var next_w = load_strip(rows, 0u, thread);
  var after_x = load_x(tokens, second);
  var after_w = load_strip(rows, second, thread);
  for (var strip = 0u; strip < params.strips; strip++) {
    workgroupBarrier();
    staged[x_to] = next_x.a;
    staged[x_to + THREADS / 4u * STRIDE] = next_x.b;
    if (COPIES > 2u) {
      staged[x_to + THREADS / 2u * STRIDE] = next_x.c;
      staged[x_to + THREADS / 4u * 3u * STRIDE] = next_x.d;
    }
    stage_strip(next_w, thread);
    workgroupBarrier();
    next_x = after_x;
    next_w = after_w;
    if (strip + 2u < params.strips) {
      after_x = load_x(tokens, strip + 2u);
      after_w = load_strip(rows, strip + 2u, thread);
    }
    for (var k = 0u; k < 4u; k += 2u) {
      let l0 = left(my_x + k);
      let l1 = left(my_x + 16u * STRIDE + k);
      let l2 = left(my_x + 32u * STRIDE + k);
      let l3 = left(my_x + 48u * STRIDE + k);
      let ra = right(my_w + k);
      a0 = subgroupMatrixMultiplyAccumulate(l0, ra, a0);
      a1 = subgroupMatrixMultiplyAccumulate(l1, ra, a1);
      a2 = subgroupMatrixMultiplyAccumulate(l2, ra, a2);
      a3 = subgroupMatrixMultiplyAccumulate(l3, ra, a3);
      let rb = right(my_w + 16u * STRIDE + k);
      b0 = subgroupMatrixMultiplyAccumulate(l0, rb, b0);
      b1 = subgroupMatrixMultiplyAccumulate(l1, rb, b1);
      b2 = subgroupMatrixMultiplyAccumulate(l2, rb, b2);
      b3 = subgroupMatrixMultiplyAccumulate(l3, rb, b3);
      if (FRAGMENTS_N > 2u) {
        let rc = right(my_w + 32u * STRIDE + k);
        c0 = subgroupMatrixMultiplyAccumulate(l0, rc, c0);
        c1 = subgroupMatrixMultiplyAccumulate(l1, rc, c1);
        c2 = subgroupMatrixMultiplyAccumulate(l2, rc, c2);
        c3 = subgroupMatrixMultiplyAccumulate(l3, rc, c3);
        let rd = right(my_w + 48u * STRIDE + k);
        d0 = subgroupMatrixMultiplyAccumulate(l0, rd, d0);
        d1 = subgroupMatrixMultiplyAccumulate(l1, rd, d1);
        d2 = subgroupMatrixMultiplyAccumulate(l2, rd, d2);
        d3 = subgroupMatrixMultiplyAccumulate(l3, rd, d3);
      }
    }
  }
  let first_token = group.y * TILE_M + subgroup / SUBGROUPS_N * 64u;
  let mine = select(MINE_N, MINE_N / 2u, GATED);
  let place = Place(thread, first_token, (group.x * SUBGROUPS_N + subgroup % SUBGROUPS_N) * mine);
  finish(a0, b0, c0, d0, place, 0u);
  finish(a1, b1, c1, d1, place, 16u);
  finish(a2, b2, c2, d2, place, 32u);
  finish(a3, b3, c3, d3, place, 48u);
}

// Stores the fragments of sixteen tokens of the thread's subgroup, a row's four values per lane at a time.
fn finish(a: Result, b: Result, c: Result, d: Result, place: Place, down: u32) {
  let own = place.thread / 32u * 16u * QUADS;
  let lane = place.thread % 32u;
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&staged, own, a, QUADS);
  subgroupMatrixStore<row_major>(&staged, own + 4u, b, QUADS);
  if (FRAGMENTS_N > 2u) {
    subgroupMatrixStore<row_major>(&staged, own + 8u, c, QUADS);
    subgroupMatrixStore<row_major>(&staged, own + 12u, d, QUADS);
  }
  workgroupBarrier();
  let wide = select(QUADS, QUADS / 2u, GATED);
  for (var i = lane; i < 16u * wide; i += 32u) {
    let token = place.token + down + i / wide;
    let row = place.row / 4u + i % wide;
    let first = own + i / wide * QUADS + i % wide;
    if (GATED) {
      store_gated(bitcast<vec4<f32>>(staged[first]), bitcast<vec4<f32>>(staged[first + wide]), token, row);
    } else {
      store(bitcast<vec4<f32>>(staged[first]), token, row);
    }
  }
}
