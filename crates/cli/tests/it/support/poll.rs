//! Waiting beside a process.

use std::process::Child;
use std::time::Duration;

/// Waits until `reached`; whether the process still runs then.
pub fn poll(child: &mut Child, mut reached: impl FnMut() -> bool) -> bool {
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if reached() {
            return true;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}
