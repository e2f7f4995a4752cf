//! `slope · x + offset` with constants: negation, scaling and shifting of a value.

use std::ops::{Add, Div, Mul, Neg, Sub};

use elbo_tensor::{Real, Tensor};

use crate::{Case, Op, Var};

/// `slope · x + offset`, elementwise.
#[derive(Debug)]
pub struct Affine {
    /// Factor.
    pub slope: Real,
    /// Summand.
    pub offset: Real,
}

impl Op<1> for Affine {
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        let Self { slope, offset } = *self;
        x.map(move |x| slope * x + offset)
    }
    /// `slope · dy`
    fn vjp(&self, _wrt: usize, _x: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
        let slope = self.slope;
        if slope == 1.0 { dy.clone() } else { dy.map(move |dy| slope * dy) }
    }
    fn cases(&self) -> Vec<[Case; 1]> {
        vec![[Case::of(&[3, 4])]]
    }
}

impl Var<'_> {
    fn affine(self, slope: Real, offset: Real) -> Self {
        self.unary(Affine { slope, offset })
    }
}

impl Neg for Var<'_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.affine(-1.0, 0.0)
    }
}

impl Add<Real> for Var<'_> {
    type Output = Self;
    fn add(self, c: Real) -> Self {
        self.affine(1.0, c)
    }
}

impl Sub<Real> for Var<'_> {
    type Output = Self;
    fn sub(self, c: Real) -> Self {
        self.affine(1.0, -c)
    }
}

impl Mul<Real> for Var<'_> {
    type Output = Self;
    fn mul(self, c: Real) -> Self {
        self.affine(c, 0.0)
    }
}

impl Div<Real> for Var<'_> {
    type Output = Self;
    fn div(self, c: Real) -> Self {
        self.affine(1.0 / c, 0.0)
    }
}

impl<'t> Add<Var<'t>> for Real {
    type Output = Var<'t>;
    fn add(self, x: Var<'t>) -> Var<'t> {
        x.affine(1.0, self)
    }
}

impl<'t> Sub<Var<'t>> for Real {
    type Output = Var<'t>;
    fn sub(self, x: Var<'t>) -> Var<'t> {
        x.affine(-1.0, self)
    }
}

impl<'t> Mul<Var<'t>> for Real {
    type Output = Var<'t>;
    fn mul(self, x: Var<'t>) -> Var<'t> {
        x.affine(self, 0.0)
    }
}
