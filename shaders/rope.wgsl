// Rotary positions, half-split: with angle a = position · frequency[j], the dims j and j + HEAD_DIM/2 of a head turn by a
//   out[j]            = x[j] cos a − x[j + HEAD_DIM/2] sin a
//   out[j + HEAD_DIM/2] = x[j + HEAD_DIM/2] cos a + x[j] sin a
//
// x [rows, width], of which the first HEADS · HEAD_DIM columns turn; cos and sin [table rows, HEAD_DIM/2]; positions [3, rows];
// out [rows, HEADS · HEAD_DIM]. Frequency j takes its position from stream 0, 1 or 2: below FIRST_END, below SECOND_END, the rest
// (temporal, height, width). With OWN_ANGLES row i of x has row i of the tables instead. One thread per pair.

override HEADS: u32 = 1u;
override HEAD_DIM: u32 = 64u;
override FIRST_END: u32 = 32u;
override SECOND_END: u32 = 32u;
override OWN_ANGLES: bool = false;
override HALF: u32 = HEAD_DIM / 2u;

struct Params { rows: u32, width: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> positions: array<i32>;
@group(0) @binding(2) var<storage, read> cosines: array<f32>;
@group(0) @binding(3) var<storage, read> sines: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn table_row(row: u32, j: u32) -> u32 {
  if (OWN_ANGLES) { return row; }
  let stream = select(0u, 1u, j >= FIRST_END) + select(0u, 1u, j >= SECOND_END);
  return u32(positions[stream * params.rows + row]);
}

@compute @workgroup_size(64, 4)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y;
  if (id.x >= HEADS * HALF || row >= params.rows) { return; }
  let head = id.x / HALF;
  let j = id.x % HALF;
  let angle = table_row(row, j) * HALF + j;
  let at = row * params.width + head * HEAD_DIM + j;
  let first = x[at];
  let second = x[at + HALF];
  let to = (row * HEADS + head) * HEAD_DIM + j;
  out[to] = first * cosines[angle] - second * sines[angle];
  out[to + HALF] = second * cosines[angle] + first * sines[angle];
}
