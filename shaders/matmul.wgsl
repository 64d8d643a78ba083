// out[t, n] = epilogue(Σ_k x[t, k] · W[n, k]) for many tokens t.
//
// x [tokens, 4·quads] f32, W [rows, 4·quads] in any format, out [tokens, rows] f32; sums in f32.
// A workgroup makes a tile of out. It walks along k in strips of DEPTH quads: while the threads multiply one strip of x and of W
// (decoded) that lies in workgroup memory, the next is on its way into their registers. Places past the end of k hold zeros; tokens
// and rows past the edge repeat the last one, and are not stored. A thread's tokens and rows lie TOKEN_THREADS and ROW_THREADS apart,
// which keeps neighbouring threads on neighbouring outputs and, with the odd stride of a strip, on different memory banks.

// A tile is TOKEN_THREADS · TOKENS_EACH tokens by 4 · ROW_THREADS rows. Each thread copies two quads of x and two of W per strip, so
// TOKEN_THREADS is 8 and TOKENS_EACH half of ROW_THREADS.
const TOKEN_THREADS = 8u;
override ROW_THREADS = 16u;
override TOKENS_EACH = ROW_THREADS / 2;
override THREADS = TOKEN_THREADS * ROW_THREADS;

const DEPTH = 4u;
const STRIDE = DEPTH + 1;
const MAX_TOKENS_EACH = 8u;

struct Params {
  tokens: u32,
  rows: u32,
  quads: u32,
  has_bias: u32,
  has_residual: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<WeightWord>;
@group(0) @binding(2) var<storage, read> scales: array<u32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> x_strip: array<vec4<f32>, TOKEN_THREADS * TOKENS_EACH * STRIDE>;
var<workgroup> w_strip: array<vec4<f32>, 4 * ROW_THREADS * STRIDE>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let token_base = group.y * TOKEN_THREADS * TOKENS_EACH;
  let row_base = group.x * ROW_THREADS * 4;
  let my_token = thread / ROW_THREADS;
  let my_row = thread % ROW_THREADS;
  // Where this thread's copies go: rows `line` and `line + half` of both strips, at this quad.
  let line = thread / DEPTH;
  let half = THREADS / DEPTH;
  let copied = thread % DEPTH;
  var next_x = array(load_x(token_base + line, copied), load_x(token_base + line + half, copied));
  var next_w = array(load_weight(row_base + line, copied), load_weight(row_base + line + half, copied));
  var sums: array<vec4<f32>, MAX_TOKENS_EACH>;

  for (var quad = 0u; quad < params.quads; quad += DEPTH) {
    workgroupBarrier();
    for (var i = 0u; i < 2; i++) {
      x_strip[(line + i * half) * STRIDE + copied] = next_x[i];
      w_strip[(line + i * half) * STRIDE + copied] = next_w[i];
    }
    workgroupBarrier();
    for (var i = 0u; i < 2; i++) {
      next_x[i] = load_x(token_base + line + i * half, quad + DEPTH + copied);
      next_w[i] = load_weight(row_base + line + i * half, quad + DEPTH + copied);
    }
    for (var k = 0u; k < DEPTH; k++) {
      let w0 = w_strip[my_row * STRIDE + k];
      let w1 = w_strip[(my_row + ROW_THREADS) * STRIDE + k];
      let w2 = w_strip[(my_row + 2 * ROW_THREADS) * STRIDE + k];
      let w3 = w_strip[(my_row + 3 * ROW_THREADS) * STRIDE + k];
      for (var i = 0u; i < TOKENS_EACH; i++) {
        let a = x_strip[(my_token + i * TOKEN_THREADS) * STRIDE + k];
        sums[i] += vec4(dot(a, w0), dot(a, w1), dot(a, w2), dot(a, w3));
      }
    }
  }

  for (var i = 0u; i < TOKENS_EACH; i++) {
    let token = token_base + my_token + i * TOKEN_THREADS;
    for (var j = 0u; j < 4; j++) {
      let row = row_base + my_row + j * ROW_THREADS;
      if (token < params.tokens && row < params.rows) {
        let at = token * params.rows + row;
        output[at] = epilogue(sums[i][j], row, at);
      }
    }
  }
}

fn load_x(token: u32, quad: u32) -> vec4<f32> {
  if (quad < params.quads) {
    return x[min(token, params.tokens - 1) * params.quads + quad];
  }
  return vec4(0.0);
}

fn load_weight(row: u32, quad: u32) -> vec4<f32> {
  if (quad < params.quads) {
    return weight4(min(row, params.rows - 1) * params.quads + quad);
  }
  return vec4(0.0);
}
