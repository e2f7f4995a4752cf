//! Memory of tensors, recycled from step to step.
//!
//! A training step asks for the same sizes again and again. A buffer whose last owner goes returns to a list of its
//! thread and is handed out again with its old contents, so a warm step neither allocates nor faults pages in.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use crate::Real;

/// Size classes: four per power of two, so that a buffer is at most a quarter larger than asked for.
const CLASSES: usize = 160;

thread_local! {
    static FREE: RefCell<Vec<Vec<Arc<Vec<Real>>>>> = const { RefCell::new(Vec::new()) };
}

/// Shared memory of one or more tensors. Always initialised.
#[derive(Debug)]
pub(crate) struct Buffer(ManuallyDrop<Arc<Vec<Real>>>);

/// (class, capacity) for a request of `len` elements.
fn class(len: usize) -> (usize, usize) {
    let len = len.max(16);
    // 2^octave < len ≤ 2^(octave + 1); `steps` quarters of 2^octave reach it from below.
    let octave = (len - 1).ilog2() as usize;
    let steps = ((len - 1) >> (octave - 2)) - 3;
    (4 * octave + steps, (4 + steps) << (octave - 2))
}

impl Buffer {
    /// At least `len` elements with unspecified (but initialised) contents.
    pub(crate) fn take(len: usize) -> Self {
        let (class, capacity) = class(len);
        let recycled = FREE.with_borrow_mut(|free| free.get_mut(class).and_then(Vec::pop));
        Self(ManuallyDrop::new(recycled.unwrap_or_else(|| Arc::new(vec![0.0; capacity]))))
    }

    pub(crate) fn as_slice(&self) -> &[Real] {
        &self.0
    }

    /// Whether nobody else shares the contents. Unlike `Arc::get_mut` it locks nothing, since there are no weak
    /// references: in small models a locked instruction for every tensor is an eighth of a step.
    pub(crate) fn is_unique(&mut self) -> bool {
        let unique = Arc::strong_count(&self.0) == 1;
        if unique {
            // What the last of the other owners wrote before it went is seen from here on.
            fence(Ordering::Acquire);
        }
        unique
    }

    /// The contents for writing, if nobody else shares them.
    pub(crate) fn get_mut(&mut self) -> Option<&mut [Real]> {
        // SAFETY: the only owner is borrowed mutably, so nobody reads, writes or clones; weak references are never
        // made, and the pointer of an `Arc` may be written through.
        self.is_unique().then(|| unsafe { (*Arc::as_ptr(&self.0).cast_mut()).as_mut_slice() })
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self(ManuallyDrop::new(Arc::clone(&self.0)))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let unique = self.is_unique();
        // SAFETY: `self.0` is not used again; this is the only place that takes it.
        let arc = unsafe { ManuallyDrop::take(&mut self.0) };
        if !unique {
            return;
        }
        let (class, capacity) = class(arc.len());
        debug_assert_eq!(capacity, arc.len());
        // A thread that is ending has no list any more; the memory is then simply freed.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            if free.is_empty() {
                free.resize_with(CLASSES, Vec::new);
            }
            if let Some(list) = free.get_mut(class) {
                list.push(arc);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_request_and_is_at_most_a_quarter_larger() {
        for len in (1..5000).chain([784_000, 512_000, 1 << 20, (1 << 20) + 1]) {
            let (c, capacity) = class(len);
            assert!(capacity >= len && (capacity as f64) < len.max(16) as f64 * 1.25 + 1.0, "{len} → {capacity}");
            assert_eq!(class(capacity), (c, capacity), "a capacity is its own class");
        }
    }

    #[test]
    fn a_dropped_buffer_is_handed_out_again() {
        let first = Buffer::take(1000);
        let at = first.as_slice().as_ptr();
        drop(first.clone());
        drop(first);
        assert_eq!(Buffer::take(1020).as_slice().as_ptr(), at);
    }
}
