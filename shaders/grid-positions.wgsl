// out[r, c] = x[r, c] + table[column of r, c]          for the first half of c
//           = x[r, c] + table[row of r, c − half]      for the second
//
// Rows r are the cells of grids of `columns` columns and `cells` cells, one grid after another, row by row.
// x, out [rows, 8·half_quads] f32; table [at least the longer side, 4·half_quads] f32. A thread makes four values.

struct Params {
  rows: u32,
  half_quads: u32,
  columns: u32,
  cells: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> table: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let at = (group.y * groups.x + group.x) * 64 + thread;
  let half_row = at / params.half_quads;
  if (half_row >= 2 * params.rows) {
    return;
  }
  let cell = half_row / 2 % params.cells;
  let place = select(cell / params.columns, cell % params.columns, half_row % 2 == 0);
  out[at] = x[at] + table[place * params.half_quads + at % params.half_quads];
}
