//! What would not fit into memory.

/// Arrays of more numbers than this would not fit into the memory of most machines.
pub const MOST_NUMBERS: usize = 1 << 30;
