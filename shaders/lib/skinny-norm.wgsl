// A skinny product with its input divided by its root mean square. The division is left for the end, where it is one factor of the sum.
// Needs: skinny, `squares: array<f32>` [tokens, SQUARE_PARTS], which add up to the squares of the input before its norm's weights.

override SQUARE_PARTS = 1u;
override EPSILON: f32 = 1e-6;

var<workgroup> factors: array<f32, 16>;

// Works out sum_factor of 16 tokens, 16 lanes each. Called by all threads alike, before multiply.
fn find_factors(first_token: u32, thread: u32) {
  for (var first = 0u; first < 16u; first += THREADS / 16u) {
    let t = first + thread / 16u;
    let token = min(first_token + t, params.tokens - 1u);
    var sum = 0.0;
    for (var part = thread % 16u; part < SQUARE_PARTS; part += 16u) {
      sum += squares[token * SQUARE_PARTS + part];
    }
    sum = sum_of_sixteen(sum);
    if (thread % 16u == 0u && t < 16u) {
      factors[t] = 1.0 / (ACT_SCALE * sqrt(sum / f32(128u * SLICES) + EPSILON));
    }
  }
}

fn sum_factor(t: u32) -> f32 {
  return factors[t];
}
