// Reductions over a workgroup of WORKGROUP_SIZE threads (a power of two). All threads must call them together; all get the result.

override WORKGROUP_SIZE: u32 = 256;

const NO_INDEX: u32 = 0xffffffffu;
const LOWEST: f32 = -3.4e38;

struct Best { value: f32, index: u32 }

var<workgroup> reduce_values: array<f32, WORKGROUP_SIZE>;
var<workgroup> reduce_indices: array<u32, WORKGROUP_SIZE>;

// The larger value wins; of equal ones the lower index, so that results do not depend on the order of work.
fn better(a: Best, b: Best) -> Best {
  let b_wins = b.value > a.value || (b.value == a.value && b.index < a.index);
  return Best(select(a.value, b.value, b_wins), select(a.index, b.index, b_wins));
}

fn reduce_best(mine: Best, thread: u32) -> Best {
  workgroupBarrier();
  reduce_values[thread] = mine.value;
  reduce_indices[thread] = mine.index;
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) {
      let other = Best(reduce_values[thread + half], reduce_indices[thread + half]);
      let winner = better(Best(reduce_values[thread], reduce_indices[thread]), other);
      reduce_values[thread] = winner.value;
      reduce_indices[thread] = winner.index;
    }
  }
  let value = workgroupUniformLoad(&reduce_values[0]);
  return Best(value, workgroupUniformLoad(&reduce_indices[0]));
}

fn reduce_sum(mine: f32, thread: u32) -> f32 {
  workgroupBarrier();
  reduce_values[thread] = mine;
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) {
      reduce_values[thread] += reduce_values[thread + half];
    }
  }
  return workgroupUniformLoad(&reduce_values[0]);
}

// NaN and the infinities, told by their bits: WGSL lets compilers assume that comparisons never see them.
fn not_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u;
}
