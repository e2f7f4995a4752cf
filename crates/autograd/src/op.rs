//! What an operation is: a forward value, a vector–Jacobian product per argument, and the domain it is tested on.

use std::fmt::Debug;

use elbo_tensor::{Real, Shape, Tensor};

/// A differentiable operation of `N` tensors.
///
/// Arguments of one operation may broadcast; `vjp` may return the gradient in the broadcast shape, the tape sums it
/// back to the argument's shape.
pub trait Op<const N: usize>: Debug + 'static {
    /// The value `y = f(x)`.
    fn forward(&self, x: [&Tensor; N]) -> Tensor;

    /// The factor that all arguments' products share, applied once: by default none.
    fn common(&self, _y: &Tensor, dy: Tensor) -> Tensor {
        dy
    }

    /// `dyᵀ · ∂y/∂x[wrt]`, where `dy` has been through [`Op::common`].
    fn vjp(&self, wrt: usize, x: [&Tensor; N], y: &Tensor, dy: &Tensor) -> Tensor;

    /// Whether the derivative jumps where the value becomes positive, as that of a ReLU does.
    fn has_kink(&self) -> bool {
        false
    }

    /// Where the formula is smooth, and therefore tested: shape and range of each argument, one list a case.
    fn cases(&self) -> Vec<[Case; N]>;
}

/// Shape and range of one argument of a test case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Shape of the argument.
    pub shape: Shape,
    /// Elements are drawn uniformly from this interval.
    pub range: [Real; 2],
}

impl Case {
    /// An argument of `shape` with elements in `[−2, 2]`.
    pub fn of(shape: &[usize]) -> Self {
        Self { shape: shape.into(), range: [-2.0, 2.0] }
    }

    /// The same with elements in `[low, high]`.
    pub fn within(mut self, low: Real, high: Real) -> Self {
        self.range = [low, high];
        self
    }
}

/// An operation with its arity erased, as the tape and the list of all operations hold it.
pub(crate) trait AnyOp: Debug {
    fn forward(&self, x: &[&Tensor]) -> Tensor;
    fn common(&self, y: &Tensor, dy: Tensor) -> Tensor;
    fn vjp(&self, wrt: usize, x: &[&Tensor], y: &Tensor, dy: &Tensor) -> Tensor;
    fn cases(&self) -> Vec<Vec<Case>>;
    fn has_kink(&self) -> bool;
    /// Whether the operation is of the type `name`.
    fn is_named(&self, name: &str) -> bool;
}

/// Binds an operation to its arity; as small as the operation, so that boxing a unit struct allocates nothing.
#[derive(Debug)]
pub(crate) struct Erased<O, const N: usize>(pub(crate) O);

impl<O: Op<N>, const N: usize> AnyOp for Erased<O, N> {
    fn forward(&self, x: &[&Tensor]) -> Tensor {
        self.0.forward(arguments(x))
    }
    fn common(&self, y: &Tensor, dy: Tensor) -> Tensor {
        self.0.common(y, dy)
    }
    fn vjp(&self, wrt: usize, x: &[&Tensor], y: &Tensor, dy: &Tensor) -> Tensor {
        self.0.vjp(wrt, arguments(x), y, dy)
    }
    fn cases(&self) -> Vec<Vec<Case>> {
        self.0.cases().into_iter().map(Vec::from).collect()
    }
    fn has_kink(&self) -> bool {
        self.0.has_kink()
    }
    fn is_named(&self, name: &str) -> bool {
        std::any::type_name::<O>().rsplit("::").next() == Some(name)
    }
}

fn arguments<'a, const N: usize>(x: &[&'a Tensor]) -> [&'a Tensor; N] {
    x.try_into().expect("the tape keeps as many inputs as the operation has arguments")
}

/// One line of [`crate::ops::all`]: an operation that tests, benches and documentation iterate over.
pub struct Entry(Box<dyn AnyOp>);

impl Entry {
    /// Lists an operation.
    pub fn of<const N: usize>(op: impl Op<N>) -> Self {
        Self(Box::new(Erased(op)))
    }

    /// Name with its settings, e.g. `Sum { axis: Some(1) }`.
    pub fn name(&self) -> String {
        // The wrapper is shown as `Erased(…)`.
        let text = format!("{:?}", self.0);
        text["Erased(".len()..text.len() - 1].to_string()
    }

    /// The value of the operation.
    pub fn forward(&self, x: &[&Tensor]) -> Tensor {
        self.0.forward(x)
    }

    /// The gradient of `Σ y ⊙ dy` with respect to argument `wrt`, in that argument's shape.
    pub fn gradient(&self, wrt: usize, x: &[&Tensor], y: &Tensor, dy: &Tensor) -> Tensor {
        let dy = self.0.common(y, dy.clone());
        self.0.vjp(wrt, x, y, &dy).unbroadcast_to(x[wrt].shape())
    }

    /// Test cases: shape and range of each argument.
    pub fn cases(&self) -> Vec<Vec<Case>> {
        self.0.cases()
    }
}
