// The sum of one value of every thread of a workgroup, given to all of them. Called by all threads alike.
// Needs: a power of two of threads.

override THREADS = 256u;

var<workgroup> summands: array<f32, THREADS>;

fn workgroup_sum(value: f32, thread: u32) -> f32 {
  // Keeps readers of the sum before from seeing this one.
  workgroupBarrier();
  summands[thread] = value;
  for (var half = THREADS / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if (thread < half) {
      summands[thread] += summands[thread + half];
    }
  }
  workgroupBarrier();
  return summands[0];
}
