// Results stored as f32, four at a time.

alias Quad = vec4<f32>;

fn pack_quad(value: vec4<f32>) -> Quad {
  return value;
}
