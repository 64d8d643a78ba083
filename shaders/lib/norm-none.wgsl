// A team's product with its input as it is.

// What a product must be multiplied by.
fn sum_factor(token: u32) -> f32 {
  return 1.0 / ACT_SCALE;
}
