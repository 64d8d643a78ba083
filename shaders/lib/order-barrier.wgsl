// What lanes of a subgroup wrote to workgroup memory, its others read after a barrier. Called by all threads alike.
fn order_subgroup() {
  workgroupBarrier();
}
