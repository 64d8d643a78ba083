// Keys and values in pages are float16, read eight dims at a time.

alias KvUnit = vec4<u32>;

fn unpack_unit(unit: KvUnit) -> array<vec4<f32>, 2> {
  return array(
    vec4(unpack2x16float(unit.x), unpack2x16float(unit.y)),
    vec4(unpack2x16float(unit.z), unpack2x16float(unit.w)));
}
