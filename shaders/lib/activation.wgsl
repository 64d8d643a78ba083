// Functions that activations are made of.

// 1 / (1 + e^−x). For x below −88 e^−x would overflow, where WGSL promises nothing; the value is 0 in f32 from there on.
fn logistic(x: f32) -> f32 {
  return 1.0 / (1.0 + exp(min(-x, 88.0)));
}

// The error function, within 1e-7: minimax polynomials for erf(x)/x − 1 below 1, and for the logarithm of 1 − erf(x) up to 4, where
// erf is 1 in f32.
fn erf(x: f32) -> f32 {
  let size = min(abs(x), 4.0);
  if (size < 1.0) {
    let s = size * size;
    var p = 0.0000764716169;
    p = p * s - 0.000794237130;
    p = p * s + 0.00517975166;
    p = p * s - 0.0268485919;
    p = p * s + 0.112834305;
    p = p * s - 0.376126051;
    p = p * s + 0.128379151;
    return x + x * p;
  }
  var q = 0.0000217507895;
  q = q * size - 0.000442108343;
  q = q * size + 0.00420846883;
  q = q * size - 0.0252190046;
  q = q * size + 0.108435951;
  q = q * size + 0.633203387;
  q = q * size + 1.12958694;
  q = q * size - 0.000189901228;
  return sign(x) * (1.0 - exp(-q));
}
