// What lanes of a subgroup wrote to workgroup memory, its others read in the order of the code: they go in lockstep, and so do their accesses.
fn order_subgroup() {}
