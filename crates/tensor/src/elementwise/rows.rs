//! How the rows of a tensor line up with the rows of a larger shape that it broadcasts to.

use crate::{Real, Shape, Tensor};

/// Elements that [`Rows::lay`] lays side by side at most.
pub(super) const ROOM: usize = 256;

/// Whether rows are shorter than a vector: such rows are no work for vectors one by one.
pub(super) fn is_narrow(shape: &Shape) -> bool {
    shape.len() > 1 && (1..16).contains(&shape.last())
}

/// Number of consecutive rows in which only one index changes: the innermost extent but that of the rows, without axes
/// of extent 1. [`Rows::lay`] takes at most so many, and none beyond a multiple of it.
pub(super) fn run(shape: &Shape) -> usize {
    shape.without_last().iter().rev().copied().find(|&extent| extent > 1).unwrap_or(1)
}

/// The rows of a tensor as they line up with the rows of a larger shape.
pub(super) struct Rows<'a> {
    data: &'a [Real],
    /// Whether one element stands for a whole row.
    single: bool,
    /// Width of the source's rows.
    row: usize,
    /// Width of the target's rows.
    width: usize,
    layout: Layout,
}

/// Where row number r of the target lies in the source.
enum Layout {
    /// The source has the target's leading axes, or only the inner ones of them: `r mod count`.
    Cyclic(usize),
    /// Strides (in rows of the source) of the leading axes of the target, with their extents.
    Strided([(usize, usize); Shape::MAX_RANK - 1]),
}

/// A row of the target, as the source has it.
pub(super) enum Row<'a> {
    Full(&'a [Real]),
    Single(Real),
}

impl<'a> Rows<'a> {
    pub fn of(source: &'a Tensor, target: &Shape) -> Self {
        let shape = source.shape();
        let leading = &shape[..shape.len().saturating_sub(1)];
        let first = leading.iter().position(|&n| n != 1).unwrap_or(leading.len());
        // The rank of the target is not smaller. Spelt out, because comparing slices calls memcmp.
        let mut inner = leading[first..].iter().rev().zip(target.iter().rev().skip(1));
        let layout = if inner.all(|(own, theirs)| own == theirs) {
            Layout::Cyclic(shape.rows())
        } else {
            let (mut strides, mut stride) = ([(1, 0); Shape::MAX_RANK - 1], 1);
            for axis in (0..target.len() - 1).rev() {
                let own = shape.aligned(axis, target.len());
                strides[axis] = (target[axis], if own == 1 { 0 } else { stride });
                stride *= own;
            }
            Layout::Strided(strides)
        };
        let (row, width) = (shape.last(), target.last());
        Self { data: source.as_slice(), single: row == 1 && width != 1, row, width, layout }
    }

    /// The row that every row of the target is, if that is so.
    pub fn only_row(&self) -> Option<&'a [Real]> {
        (matches!(self.layout, Layout::Cyclic(1)) && !self.single && self.row > 0).then_some(self.data)
    }

    /// The row that stands for row `at` of the target.
    #[inline(always)]
    pub fn row(&self, at: usize) -> Row<'a> {
        let at = self.index(at);
        if self.single { Row::Single(self.data[at]) } else { Row::Full(&self.data[at * self.row..][..self.row]) }
    }

    /// The rows that stand for rows `at..at + count` of the target, side by side in the target's width: as they lie, or
    /// repeated in `room`. They must lie in one [`run`] of the target.
    #[inline(always)]
    pub fn lay<'b>(&self, at: usize, count: usize, room: &'b mut [Real; ROOM]) -> &'b [Real]
    where
        'a: 'b,
    {
        let (first, width) = (self.index(at), self.width);
        let room = &mut room[..count * width];
        match (self.single, self.moves()) {
            (false, true) => return &self.data[first * width..][..count * width],
            (true, false) => room.fill(self.data[first]),
            // Widths that the compiler knows are repeated by vectors.
            _ => match width {
                2 => self.repeat::<2>(first, room),
                3 => self.repeat::<3>(first, room),
                4 => self.repeat::<4>(first, room),
                _ if self.single => {
                    room.chunks_exact_mut(width).zip(&self.data[first..]).for_each(|(y, &x)| y.fill(x));
                }
                _ => {
                    let row = &self.data[first * width..][..width];
                    room.chunks_exact_mut(width).for_each(|y| y.copy_from_slice(row));
                }
            },
        }
        room
    }

    /// Fills `room` with row `first`, or with the elements from `first` on, each `WIDTH` times.
    fn repeat<const WIDTH: usize>(&self, first: usize, room: &mut [Real]) {
        let (room, _) = room.as_chunks_mut::<WIDTH>();
        if self.single {
            room.iter_mut().zip(&self.data[first..]).for_each(|(y, &x)| *y = [x; WIDTH]);
        } else {
            let row = self.data[first * WIDTH..].first_chunk::<WIDTH>().expect("a row of the source");
            room.fill(*row);
        }
    }

    /// Whether neighbouring rows of a [`run`] are neighbouring rows of the source, and not all the same one.
    fn moves(&self) -> bool {
        match &self.layout {
            Layout::Cyclic(count) => *count > 1,
            Layout::Strided(strides) => {
                strides.iter().rev().find(|(extent, _)| *extent > 1).is_some_and(|(_, stride)| *stride > 0)
            }
        }
    }

    #[inline(always)]
    fn index(&self, at: usize) -> usize {
        match &self.layout {
            Layout::Cyclic(1) => 0,
            Layout::Cyclic(count) => at % count,
            Layout::Strided(strides) => {
                let (mut rest, mut index) = (at, 0);
                for &(extent, stride) in strides.iter().rev() {
                    index += rest % extent * stride;
                    rest /= extent;
                }
                index
            }
        }
    }
}
