// Adds up what the threads of a team have summed: each subgroup by itself, then the team's subgroups through workgroup memory.
// Needs: team. SUBGROUP divides LANES, or LANES divides SUBGROUP; SUBGROUP divides THREADS.

override SUBGROUP = 32u;
override WIDTH = min(LANES, SUBGROUP);
override PARTS = LANES / WIDTH;
override SUBGROUPS = THREADS / SUBGROUP;
var<workgroup> partial: array<vec4<f32>, TEAMS * PARTS * TOKENS>;
var<workgroup> square_partial: array<f32, SUBGROUPS * TOKENS>;

// Called by all threads alike; `total` can be called after it.
fn add_up(sums: Sums, thread: u32) {
  var mine = sums;
  for (var t = 0u; t < TOKENS; t++) {
    var sum = mine[t];
    for (var mask = 1u; mask < WIDTH; mask *= 2u) {
      sum += subgroupShuffleXor(sum, mask);
    }
    if (thread % WIDTH == 0u) {
      partial[thread / WIDTH * TOKENS + t] = sum;
    }
  }
  workgroupBarrier();
}

fn total(team: u32, token: u32) -> vec4<f32> {
  var sum = vec4<f32>();
  for (var part = 0u; part < PARTS; part++) {
    sum += partial[(team * PARTS + part) * TOKENS + token];
  }
  return sum;
}

// One value of every thread to be summed over the workgroup; before add_up.
fn lay_square(value: f32, token: u32, thread: u32) {
  let sum = subgroupAdd(value);
  if (thread % SUBGROUP == 0u) {
    square_partial[thread / SUBGROUP * TOKENS + token] = sum;
  }
}

// Their sum; after add_up.
fn square_total(token: u32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < SUBGROUPS; i++) {
    sum += square_partial[i * TOKENS + token];
  }
  return sum;
}
