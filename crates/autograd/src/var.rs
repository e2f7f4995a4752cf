//! Handles of recorded values: formulas are written with these.

use std::fmt;

use elbo_tensor::{Real, Shape, Tensor};

use crate::op::Op;
use crate::tape::Tape;

/// A value on a tape. Copying it copies a reference and a number.
#[derive(Clone, Copy)]
pub struct Var<'t> {
    tape: &'t Tape<'t>,
    pub(crate) id: u32,
}

impl<'t> Var<'t> {
    pub(crate) fn new(tape: &'t Tape<'_>, id: u32) -> Self {
        Self { tape, id }
    }

    /// The tape this value is on.
    pub fn tape(self) -> &'t Tape<'t> {
        self.tape
    }

    /// The value, sharing the tape's memory.
    pub fn value(self) -> Tensor {
        self.tape.value(self.id)
    }

    /// The shape of the value.
    pub fn shape(self) -> Shape {
        self.tape.with_value(self.id, Tensor::shape)
    }

    /// The only element of a one-element value.
    #[track_caller]
    pub fn item(self) -> Real {
        self.tape.with_value(self.id, Tensor::item)
    }

    /// Records an operation of this value alone.
    #[track_caller]
    pub fn unary(self, op: impl Op<1>) -> Self {
        self.tape.apply(op, [self.id])
    }

    /// Records an operation of this value and another one of the same tape.
    #[track_caller]
    pub fn binary(self, op: impl Op<2>, other: Self) -> Self {
        self.same_tape(other);
        self.tape.apply(op, [self.id, other.id])
    }

    /// Records an operation of three values of one tape.
    #[track_caller]
    pub fn ternary(self, op: impl Op<3>, second: Self, third: Self) -> Self {
        self.same_tape(second);
        self.same_tape(third);
        self.tape.apply(op, [self.id, second.id, third.id])
    }

    #[track_caller]
    fn same_tape(self, other: Self) {
        assert!(std::ptr::eq(self.tape, other.tape), "values of two tapes in one operation");
    }
}

/// Joins values along the last axis, in order.
///
/// # Panics
/// If there are no parts, or they differ in more than the last axis.
#[track_caller]
pub fn concat<'t>(parts: &[Var<'t>]) -> Var<'t> {
    let (first, rest) = parts.split_first().expect("concat of nothing");
    rest.iter().fold(*first, |joined, part| joined.concat(*part))
}

impl fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {:?}", self.id, self.value())
    }
}
