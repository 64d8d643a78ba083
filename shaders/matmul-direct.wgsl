// out[t, n] = epilogue(Σ_k x[t, k] · W[n, k]) for GPUs that are CPUs, where barriers and workgroup memory cost more than they save.
//
// x [tokens, 4·quads] f32, W [rows, 4·quads] in any format, out [tokens, rows] f32; sums in f32.
// A thread makes TOKENS tokens by 8 rows on its own, walking along k one quad at a time. Every index into what it keeps is a constant,
// so that all of it can stay in registers: SwiftShader reads an array at a computed index one thread after the other. Tokens and rows
// past the edge repeat the last one, and are not stored.

// 1, 4, 8 or 16.
override TOKENS = 4u;
const THREADS = 4u;
const ROWS = 8u;

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

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) thread: vec3<u32>) {
  let row = thread.x * ROWS;
  if (TOKENS == 1) {
    one_token(row, thread.y);
  } else {
    tile(row, thread.y * TOKENS);
  }
}

fn one_token(row: u32, token: u32) {
  let x_line = token * params.quads;
  let low_rows = lines(row, params.rows);
  let high_rows = lines(row + 4, params.rows);
  var low = vec4<f32>();
  var high = vec4<f32>();
  for (var quad = 0u; quad < params.quads; quad++) {
    let input = x[x_line + quad];
    low += weights(low_rows + quad) * input;
    high += weights(high_rows + quad) * input;
  }
  store(low, token, row);
  store(high, token, row + 4);
}

fn tile(row: u32, token: u32) {
  let low_rows = lines(row, params.rows);
  let high_rows = lines(row + 4, params.rows);
  let tokens_a = lines(token, params.tokens);
  let tokens_b = lines(token + 4, params.tokens);
  let tokens_c = lines(token + 8, params.tokens);
  let tokens_d = lines(token + 12, params.tokens);
  // A column per token.
  var low_a = mat4x4<f32>();
  var low_b = mat4x4<f32>();
  var low_c = mat4x4<f32>();
  var low_d = mat4x4<f32>();
  var high_a = mat4x4<f32>();
  var high_b = mat4x4<f32>();
  var high_c = mat4x4<f32>();
  var high_d = mat4x4<f32>();
  for (var quad = 0u; quad < params.quads; quad++) {
    let low = weights(low_rows + quad);
    let high = weights(high_rows + quad);
    let a = inputs(tokens_a + quad);
    low_a += low * a;
    high_a += high * a;
    if (TOKENS > 4) {
      let b = inputs(tokens_b + quad);
      low_b += low * b;
      high_b += high * b;
    }
    if (TOKENS > 8) {
      let c = inputs(tokens_c + quad);
      low_c += low * c;
      high_c += high * c;
      let d = inputs(tokens_d + quad);
      low_d += low * d;
      high_d += high * d;
    }
  }
  store4(low_a, high_a, token, row);
  if (TOKENS > 4) {
    store4(low_b, high_b, token + 4, row);
  }
  if (TOKENS > 8) {
    store4(low_c, high_c, token + 8, row);
    store4(low_d, high_d, token + 12, row);
  }
}

// Where four rows of a matrix of `count` rows start.
fn lines(first: u32, count: u32) -> vec4<u32> {
  return min(first + vec4(0u, 1u, 2u, 3u), vec4(count - 1)) * params.quads;
}

// A quad of four rows of W, a row of it per row.
fn weights(at: vec4<u32>) -> mat4x4<f32> {
  return transpose(mat4x4<f32>(weight4(at.x), weight4(at.y), weight4(at.z), weight4(at.w)));
}

// A quad of four tokens, a column per token.
fn inputs(at: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(x[at.x], x[at.y], x[at.z], x[at.w]);
}

fn store4(low: mat4x4<f32>, high: mat4x4<f32>, token: u32, row: u32) {
  for (var i = 0u; i < 4 && token + i < params.tokens; i++) {
    store(low[i], token + i, row);
    store(high[i], token + i, row + 4);
  }
}

fn store(sums: vec4<f32>, token: u32, row: u32) {
  for (var j = 0u; j < 4 && row + j < params.rows; j++) {
    let at = token * params.rows + row + j;
    output[at] = epilogue(sums[j], row + j, at);
  }
}
