//! Splitting work over the current rayon pool, in chunks that do not depend on the number of threads.

use std::ops::Range;

use crate::cpu::vectorize;

/// Below this many elements an elementwise pass is cheaper on one thread than handed to a second one.
const MIN_ELEMENTS: usize = 32 * 1024;

/// Threads that may help with `elements` elements of elementwise work.
pub(crate) fn threads_for(elements: usize) -> usize {
    if elements < MIN_ELEMENTS { 1 } else { rayon::current_num_threads() }
}

/// Splits `0..count` into at most `parts` ranges whose lengths are multiples of `unit` (the last one excepted) and
/// runs `work` on each, in parallel.
#[inline]
pub(crate) fn split(count: usize, unit: usize, parts: usize, work: &(impl Fn(Range<usize>) + Sync)) {
    fn recurse(range: Range<usize>, unit: usize, parts: usize, work: &(impl Fn(Range<usize>) + Sync)) {
        let units = range.len().div_ceil(unit);
        let parts = parts.min(units);
        if parts <= 1 {
            return work(range);
        }
        let left = parts / 2;
        let middle = range.start + units * left / parts * unit;
        rayon::join(
            || recurse(range.start..middle, unit, left, work),
            || recurse(middle..range.end, unit, parts - left, work),
        );
    }
    if parts <= 1 { work(0..count) } else { recurse(0..count, unit, parts, work) }
}

/// [`split`] over the rows of `out`, of `width` elements each: `work` gets a range of rows and their elements.
#[inline]
pub(crate) fn split_rows<T: Send>(
    out: &mut [T],
    width: usize,
    unit: usize,
    parts: usize,
    work: impl Fn(Range<usize>, &mut [T]) + Sync,
) {
    let (count, out) = (out.len() / width.max(1), Disjoint::new(out));
    split(count, unit, parts, &|range| {
        // SAFETY: `split` hands out disjoint ranges of rows.
        let own = unsafe { out.range(range.start * width..range.end * width) };
        work(range, own);
    });
}

/// [`split_rows`] for a loop over `elements` elements: vectorised, and in parallel where it pays. The closure and those
/// that it calls need `#[inline(always)]`.
#[inline]
pub(crate) fn pass<T: Send>(
    out: &mut [T],
    width: usize,
    unit: usize,
    elements: usize,
    work: impl Fn(Range<usize>, &mut [T]) + Sync,
) {
    split_rows(out, width, unit, threads_for(elements), |range, own| {
        vectorize(
            #[inline(always)]
            || work(range, own),
        );
    });
}

/// Runs `work(i, &mut slots[i])` for every slot, in parallel over the current rayon pool. What a slot gets depends on
/// its number alone, so that the result is the same at any number of threads: sums over rows go over fixed blocks of
/// rows, one slot each, and the slots are then added in order.
pub fn for_each_slot<T: Send>(slots: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
    let count = slots.len();
    split_rows(slots, 1, 1, count, |range, own| range.zip(own).for_each(|(i, slot)| work(i, slot)));
}

/// A mutable slice that several threads write in disjoint ranges.
#[derive(Clone, Copy)]
pub(crate) struct Disjoint<T>(*mut T, usize);

// SAFETY: the callers of `range` and the users of `pointer` promise that what they use at one time does not overlap.
unsafe impl<T: Send> Sync for Disjoint<T> {}

impl<T> Disjoint<T> {
    /// Where the slice starts, for kernels that address it with strides.
    pub(crate) fn pointer(&self) -> *mut T {
        self.0
    }

    pub(crate) fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr(), slice.len())
    }

    /// # Safety
    /// Ranges alive at the same time must not overlap, and the slice given to `new` must outlive them.
    #[allow(clippy::mut_from_ref)] // disjointness is the caller's promise
    pub(crate) unsafe fn range(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.1);
        // SAFETY: inside the slice; disjoint by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}
