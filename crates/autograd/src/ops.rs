//! The operations, one file each, and the list that tests, benches and documentation iterate over.

mod add;
mod add_activate;
mod affine;
mod broadcast;
pub(crate) mod concat;
mod div;
mod exp;
mod expm1;
mod gather;
pub(crate) mod linear;
mod log;
mod log1p;
mod log_softmax;
mod log_sum_exp;
mod matmul;
mod mean;
mod mul;
mod relu;
mod reshape;
mod sigmoid;
mod slice;
mod softplus;
mod sqrt;
mod square;
mod sub;
mod sum;
mod tanh;
mod transpose;
mod tril_product;
mod tril_solve;

use crate::{Activation, Entry};

/// Every operation, with each of its settings that changes the formula.
pub fn all() -> Vec<Entry> {
    let activations = [Activation::Identity, Activation::Relu, Activation::Tanh];
    let mut list = vec![
        Entry::of(add::Add),
        Entry::of(affine::Affine { slope: -1.5, offset: 0.5 }),
        Entry::of(broadcast::Broadcast { shape: [2, 3, 4].into() }),
        Entry::of(concat::Concat),
        Entry::of(div::Div),
        Entry::of(exp::Exp),
        Entry::of(expm1::Expm1),
        Entry::of(gather::Gather { index: vec![2, 0, 3] }),
        Entry::of(log::Log),
        Entry::of(log1p::Log1p),
        Entry::of(log_softmax::LogSoftmax),
        Entry::of(log_sum_exp::LogSumExp),
        Entry::of(matmul::Matmul),
        Entry::of(mul::Mul),
        Entry::of(relu::Relu),
        Entry::of(reshape::Reshape { shape: [2, 6].into() }),
        Entry::of(sigmoid::Sigmoid),
        Entry::of(slice::Slice { range: 1..3 }),
        Entry::of(softplus::Softplus),
        Entry::of(sqrt::Sqrt),
        Entry::of(square::Square),
        Entry::of(sub::Sub),
        Entry::of(tanh::Tanh),
        Entry::of(transpose::Transpose),
        Entry::of(tril_product::TrilProduct),
        Entry::of(tril_solve::TrilSolve),
    ];
    for axis in [None, Some(0), Some(1)] {
        list.push(Entry::of(sum::Sum { axis }));
        list.push(Entry::of(mean::Mean { axis }));
    }
    for activation in activations {
        list.push(Entry::of(linear::Linear { activation }));
        list.push(Entry::of(add_activate::AddActivate { activation }));
    }
    list
}
