//! SIGINT and SIGTERM as a question that the training loop asks between two steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::machine::error::ExitCode;

/// Listens for SIGINT and SIGTERM.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Starts listening. The first signal asks for a stop; a second one of the same kind ends the process at once.
    pub fn listen() -> Self {
        let flag = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM] {
            let again = Arc::new(std::sync::atomic::AtomicBool::new(false));
            // Order matters: the shutdown looks at the flag before the same signal sets it.
            let _ = signal_hook::flag::register_conditional_default(signal, Arc::clone(&again));
            let _ = signal_hook::flag::register(signal, again);
            let _ = signal_hook::flag::register_usize(signal, Arc::clone(&flag), signal as usize);
        }
        Self(flag)
    }

    /// The exit code of the signal that has arrived, if any.
    pub fn requested(&self) -> Option<ExitCode> {
        match self.0.load(Ordering::Relaxed) as i32 {
            SIGINT => Some(ExitCode::Interrupted),
            SIGTERM => Some(ExitCode::Terminated),
            _ => None,
        }
    }
}
