// Keys and values in pages are float32, read eight dims at a time.

struct KvUnit { low: vec4<f32>, high: vec4<f32> }

fn unpack_unit(unit: KvUnit) -> array<vec4<f32>, 2> {
  return array(unit.low, unit.high);
}
