// Adds up what the threads of a team have summed, through workgroup memory. Needs: team.

var<workgroup> partial: array<vec4<f32>, THREADS * TOKENS>;
var<workgroup> square_partial: array<f32, THREADS * TOKENS>;

// Called by all threads alike; `total` can be called after it.
fn add_up(sums: Sums, thread: u32) {
  var mine = sums;
  for (var t = 0u; t < TOKENS; t++) {
    partial[t * THREADS + thread] = mine[t];
  }
  workgroupBarrier();
}

fn total(team: u32, token: u32) -> vec4<f32> {
  var sum = vec4<f32>();
  for (var lane = 0u; lane < LANES; lane++) {
    sum += partial[token * THREADS + team * LANES + lane];
  }
  return sum;
}

// One value of every thread to be summed over the workgroup; before add_up.
fn lay_square(value: f32, token: u32, thread: u32) {
  square_partial[token * THREADS + thread] = value;
}

// Their sum; after add_up.
fn square_total(token: u32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < THREADS; i++) {
    sum += square_partial[token * THREADS + i];
  }
  return sum;
}
