// The sum over sixteen lanes side by side, given to all of them.
fn sum_of_sixteen(value: f32) -> f32 {
  var sum = value + subgroupShuffleXor(value, 1u);
  sum += subgroupShuffleXor(sum, 2u);
  sum += subgroupShuffleXor(sum, 4u);
  return sum + subgroupShuffleXor(sum, 8u);
}
