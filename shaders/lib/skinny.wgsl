// Products of few tokens with rows of a matrix by subgroup matrices of 16 × 16, f16 products summed in f32. The weights are read once.
//
// A workgroup makes TILES · 16 rows for 16 tokens. Its SPLITS subgroups take slices of 128 columns in turn, and at the end their sums are added
// up. Four lanes side by side have 32 columns each of a row in their registers, and those of the next slice on their way. In four rounds the
// lanes' o-th octets go to the subgroup's own piece of workgroup memory, decoded, and from there into fragments; so a fragment holds octet o
// of lanes 0 and 1, or of 2 and 3, and the tokens' columns are staged in the same order. What limits this is how often workgroup memory
// and caches are asked: eight lanes side by side therefore meet few lines and different banks. Tokens past the end repeat the last one;
// nobody stores them. Slices past the end count as zeros.
//
// Needs: wide-*, act-*, order-*, `acts: array<vec4<u32>>` [tokens, columns] f16, `params` with `tokens`, TILES (1 or 2), SPLITS, and from the
// shader
//   fn tile_row(group: u32, tile: u32) -> u32     the first of a tile's rows; all 16 must be inside the matrix

override SLICES = 1u;           // of a row
override TURNS = (SLICES + SPLITS - 1u) / SPLITS;
const THREADS = 32u * SPLITS;

// Of staged tokens and rows, in units of eight columns; odd, so that eight rows of a fragment lie on different banks.
const X_STRIDE = 17u;
const W_STRIDE = 5u;
const W_PLACE = 16u * X_STRIDE;
const OWN = W_PLACE + TILES * 16u * W_STRIDE;
// Sums of a subgroup's tile, four to a place.
const SUMS = 64u;

var<workgroup> staged: array<vec4<u32>, SPLITS * OWN>;

alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Result = subgroup_matrix_result<f32, 16, 16>;

// A lane's part of a slice: of the tokens, units lane % 8 and 8 further of four tokens; of each tile, 32 columns of two rows eight apart.
struct XSlice { a: vec4<u32>, b: vec4<u32>, c: vec4<u32>, d: vec4<u32>, e: vec4<u32>, f: vec4<u32>, g: vec4<u32>, h: vec4<u32> }
struct WSlice { a: WeightGroup, b: WeightGroup, c: WeightGroup, d: WeightGroup }

fn load_x(tokens: vec4<u32>, slice: u32) -> XSlice {
  let at = tokens + min(slice, SLICES - 1u) * 16u;
  return XSlice(
    acts[at.x], acts[at.x + 8u], acts[at.y], acts[at.y + 8u],
    acts[at.z], acts[at.z + 8u], acts[at.w], acts[at.w + 8u]);
}

fn load_w(rows: vec4<u32>, slice: u32) -> WSlice {
  let at = rows + min(slice, SLICES - 1u) * 4u;
  var loaded: WSlice;
  loaded.a = load_wide(at.x);
  loaded.b = load_wide(at.y);
  if (TILES > 1u) {
    loaded.c = load_wide(at.z);
    loaded.d = load_wide(at.w);
  }
  return loaded;
}

// Slices past the end are zeros.
fn stage_x(slice: XSlice, at: u32, live: bool) {
  let none = vec4<u32>();
  staged[at] = select(none, slice.a, live);
  staged[at + 8u] = select(none, slice.b, live);
  staged[at + 4u * X_STRIDE] = select(none, slice.c, live);
  staged[at + 4u * X_STRIDE + 8u] = select(none, slice.d, live);
  staged[at + 8u * X_STRIDE] = select(none, slice.e, live);
  staged[at + 8u * X_STRIDE + 8u] = select(none, slice.f, live);
  staged[at + 12u * X_STRIDE] = select(none, slice.g, live);
  staged[at + 12u * X_STRIDE + 8u] = select(none, slice.h, live);
}

fn stage_w(slice: WSlice, at: u32, o: u32) {
  staged[at] = wide_octet(slice.a, o);
  staged[at + 8u * W_STRIDE] = wide_octet(slice.b, o);
  if (TILES > 1u) {
    staged[at + 16u * W_STRIDE] = wide_octet(slice.c, o);
    staged[at + 24u * W_STRIDE] = wide_octet(slice.d, o);
  }
}

// Octet o of two lanes side by side, for sixteen tokens.
fn left(own: u32, o: u32, half: u32) -> Left {
  return subgroupMatrixLoad<Left, row_major>(&staged, own + 8u * half + 2u * o, X_STRIDE);
}

// The same columns of a tile's rows.
fn right(own: u32, tile: u32, half: u32) -> Right {
  return subgroupMatrixLoad<Right, col_major>(&staged, own + W_PLACE + tile * 16u * W_STRIDE + 2u * half, W_STRIDE);
}

// Leaves the products of the workgroup's tiles with the tokens from first_token on for `total`. Called by all threads alike.
fn multiply(group: u32, first_token: u32, thread: u32) {
  let lane = thread % 32u;
  let split = thread / 32u;
  let own = split * OWN;
  let last = params.tokens - 1u;
  let tokens = min(first_token + lane / 8u + vec4(0u, 4u, 8u, 12u), vec4(last)) * (16u * SLICES) + lane % 8u;
  // Of the two rows that eight lanes have, one is four further than the other.
  let line = lane / 8u + lane / 4u % 2u * 4u;
  let first_rows = vec2(tile_row(group, 0u), tile_row(group, TILES - 1u)) + line;
  let rows = vec4(first_rows.x, first_rows.x + 8u, first_rows.y, first_rows.y + 8u) * (4u * SLICES) + lane % 4u;
  let x_to = own + lane / 8u * X_STRIDE + lane % 4u * 2u + lane / 4u % 2u;
  let w_to = own + W_PLACE + line * W_STRIDE + lane % 4u;
  var sum0 = Result();
  var sum1 = Result();
  var next_w = load_w(rows, split);
  var next_x = load_x(tokens, split);
  var after_w = load_w(rows, split + SPLITS);
  for (var turn = 0u; turn < TURNS; turn++) {
    let slice = split + turn * SPLITS;
    let w = next_w;
    order_subgroup();
    stage_x(next_x, x_to, slice < SLICES);
    next_w = after_w;
    next_x = load_x(tokens, slice + SPLITS);
    after_w = load_w(rows, slice + 2u * SPLITS);
    stage_w(w, w_to, 0u);
    order_subgroup();
    let a0 = left(own, 0u, 0u);
    sum0 = subgroupMatrixMultiplyAccumulate(a0, right(own, 0u, 0u), sum0);
    if (TILES > 1u) { sum1 = subgroupMatrixMultiplyAccumulate(a0, right(own, 1u, 0u), sum1); }
    let b0 = left(own, 0u, 1u);
    sum0 = subgroupMatrixMultiplyAccumulate(b0, right(own, 0u, 1u), sum0);
    if (TILES > 1u) { sum1 = subgroupMatrixMultiplyAccumulate(b0, right(own, 1u, 1u), sum1); }
    order_subgroup();
    stage_w(w, w_to, 1u);
    order_subgroup();
    let a1 = left(own, 1u, 0u);
    sum0 = subgroupMatrixMultiplyAccumulate(a1, right(own, 0u, 0u), sum0);
    if (TILES > 1u) { sum1 = subgroupMatrixMultiplyAccumulate(a1, right(own, 1u, 0u), sum1); }
    let b1 = left(own, 1u, 1u);
    sum0 = subgroupMatrixMultiplyAccumulate(b1, right(own, 0u, 1u), sum0);
    if (TILES > 1u) { sum1 = subgroupMatrixMultiplyAccumulate(b1, right(own, 1u, 1u), sum1); }
    order_subgroup();
    stage_w(w, w_to, 2u);
    order_subgroup();
    let a2 = left(own, 2u, 0u);
    sum0 = subgroupMatrixMultiplyAccumulate(a2, right(own, 0u, 0u), sum0);
    if (TILES > 1u) { sum1 = subgroupMatrixMultiplyAccumulate(a2, right(own, 1u, 0u), sum1); }
    let b2 = left(own, 2u, 1u);
    sum0 = subgroupMatrixMultiplyAccumulate(b2, right(own, 0u, 1u), sum0);
    if (TILES > 1u) { sum1 = subgroupMatrixMultiplyAccumulate(b2, right(own, 1u, 1u), sum1); }
    order_subgroup();
    stage_w(w, w_to, 3u);
    order_subgroup();
    let a3 = left(own, 3u, 0u);
    sum0 = subgroupMatrixMultiplyAccumulate(a3, right(own, 0u, 0u), sum0);
    if (TILES > 1u) { sum1 = subgroupMatrixMultiplyAccumulate(a3, right(own, 1u, 0u), sum1); }
    let b3 = left(own, 3u, 1u);
    sum0 = subgroupMatrixMultiplyAccumulate(b3, right(own, 0u, 1u), sum0);
    if (TILES > 1u) { sum1 = subgroupMatrixMultiplyAccumulate(b3, right(own, 1u, 1u), sum1); }
  }
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&staged, split * TILES * SUMS, sum0, 4u);
  if (TILES > 1u) { subgroupMatrixStore<row_major>(&staged, (split * TILES + 1u) * SUMS, sum1, 4u); }
  workgroupBarrier();
}

// One of the products that multiply made.
fn total(tile: u32, token: u32, row: u32) -> f32 {
  var sum = 0.0;
  for (var split = 0u; split < SPLITS; split++) {
    sum += bitcast<f32>(staged[(split * TILES + tile) * SUMS + token * 4u + row / 4u][row % 4u]);
  }
  return sum;
}
