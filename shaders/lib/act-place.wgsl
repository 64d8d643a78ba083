// Where a decode step's activations lie: a product reads its input a chunk per thread, UNITS units of UNIT columns, and finds the first
// unit of all chunks, then the second of all chunks …, so that neighbouring threads read neighbouring memory.

// The place of a column in a row of `width` that a product reads in chunks of `units` units.
fn act_place(column: u32, width: u32, units: u32) -> u32 {
  let unit = column / UNIT;
  return (unit % units * (width / (UNIT * units)) + unit / units) * UNIT + column % UNIT;
}
