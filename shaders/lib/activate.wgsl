// A linear layer's activation. Needs: activation.

// 0: none, 1: gelu, 2: gelu in its tanh form, 3: quick gelu, 4: silu.
override ACTIVATION = 0u;

fn activate(x: f32) -> f32 {
  switch (ACTIVATION) {
    case 1u: { return 0.5 * x * (1.0 + erf(x * 0.70710678118654752)); }
    // 0.5·(1 + tanh(y)) is the logistic function of 2y.
    case 2u: { return x * logistic(1.5957691216057308 * (x + 0.044715 * x * x * x)); }
    case 3u: { return x * logistic(1.702 * x); }
    case 4u: { return x * logistic(x); }
    default: { return x; }
  }
}
