//! Sweeps: the runs of a recipe with `[sweep]` as the cells of a shared grid.

mod plan;
mod work;

pub use plan::plan;
pub use work::Work;
