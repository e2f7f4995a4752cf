//! Sweeps: the runs of a recipe with `[sweep]` as the cells of a shared grid.

mod plan;
mod work;

pub use plan::{config, plan, shows_collapse};
pub use work::Work;
