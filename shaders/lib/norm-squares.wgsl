// A team's product with its input divided by its root mean square. The division is left for the end, where it is one factor of the sum.
// Needs: `squares: array<f32>` [tokens, SQUARE_PARTS], which add up to the squares of the input before its norm's weights.

override SQUARE_PARTS = 1u;
override EPSILON: f32 = 1e-6;

override SQUARE_LOADS = (SQUARE_PARTS + THREADS - 1u) / THREADS;

// By token.
alias Squares = array<f32, TOKENS>;

// A thread's part of the squares: before the product, so that they are on their way with its weights. t: counted from first_token on.
fn load_squares(first_token: u32, thread: u32) -> Squares {
  var mine: Squares;
  for (var t = 0u; t < TOKENS; t++) {
    let row = min(first_token + t, params.tokens - 1u) * SQUARE_PARTS;
    for (var i = 0u; i < SQUARE_LOADS; i++) {
      let part = i * THREADS + thread;
      mine[t] += select(0.0, squares[row + min(part, SQUARE_PARTS - 1u)], part < SQUARE_PARTS);
    }
  }
  return mine;
}

// Called by all threads alike, before add_up.
fn lay_squares(mine: Squares, thread: u32) {
  for (var t = 0u; t < TOKENS; t++) {
    lay_square(mine[t], t, thread);
  }
}

// What a product must be multiplied by; after add_up.
fn sum_factor(t: u32) -> f32 {
  let mean = square_total(t) / f32(CHUNKS * UNITS * UNIT);
  return 1.0 / (ACT_SCALE * sqrt(mean + EPSILON));
}
